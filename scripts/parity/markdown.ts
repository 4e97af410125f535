import { inline } from '../check/formats/markdown.ts';
import { markdownTable } from '../markdown-table.ts';
import type { Difference, Parity } from './model.ts';
import { compared, fieldTitle, objectTitle, shownPlace, valueInWords, verdict } from './words.ts';

/** GitHub refuses a longer comment. */
const longestComment = 65_536;
const longestValue = 200;

/**
 * A comment on a pull request: the verdict, then a table, what no overlay explains first. Rows that would make it
 * longer than GitHub takes are left out and counted.
 */
export function markdown(parity: Parity): string {
  const names = parity.environments.map(({ name }) => name);
  const unintended = parity.differences.filter(({ intended }) => !intended);
  const mark = unintended.length === 0 ? '✅' : '❌';
  const headline = [`${mark} **${inline(verdict(parity))}**`, inline(compared(parity))];
  const ordered = [...unintended, ...parity.differences.filter(({ intended }) => intended)];
  const head = ['', 'object', 'field', ...names.map(inline)];
  for (let count = ordered.length; ; count = Math.floor(count / 2)) {
    const rows = ordered.slice(0, count).map((difference) => row(difference, names));
    const left = ordered.length - count;
    const text = [
      ...headline,
      ...(rows.length === 0 ? [] : [markdownTable(head, rows)]),
      ...(left === 0
        ? []
        : [`**${left} more did not fit into a comment:** \`npm run environments\` shows them all.`]),
    ].join('\n\n');
    if (text.length <= longestComment || count === 0) {
      return text;
    }
  }
}

function row(difference: Difference, names: string[]): string[] {
  const cells = names.map((name) => {
    const value = valueInWords(difference.standings[name]);
    const place = shownPlace(difference, name);
    const said = value.length > longestValue ? `${value.slice(0, longestValue - 1)}…` : value;
    return inline(said) + (place === undefined ? '' : `<br><sub>${inline(place)}</sub>`);
  });
  const isMarked = difference.intended ? '' : '❌ no overlay says so';
  return [isMarked, inline(objectTitle(difference)), inline(fieldTitle(difference)), ...cells];
}

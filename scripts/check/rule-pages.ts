import { CannotRun } from '../cli.ts';
import type { CatalogueEntry } from './catalogue.ts';
import { painter } from './formats/paint.ts';
import { printable } from './formats/printable.ts';
import type { Rule } from './model.ts';

/** The rules as a table, a line each; the last column is folded where `width` columns are not enough. */
export function ruleTable(entries: CatalogueEntry[], colours: boolean, width: number): string {
  const paint = painter(colours);
  const head = ['RULE', 'GROUP', 'SEVERITY', 'GATES', 'WHY'];
  const rows = entries.map(({ id, group, severity, gates, why }) => [
    id,
    group,
    severity,
    gates,
    printable(why),
  ]);
  const widths = head
    .slice(0, -1)
    .map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const margin = widths.reduce((sum, columnWidth) => sum + columnWidth + 2, 0);
  return [head, ...rows]
    .map((row, index) => {
      const cells = widths.map((columnWidth, column) => (row[column] ?? '').padEnd(columnWidth));
      const last = fold(row.at(-1) ?? '', Math.max(width - margin, 30)).join(`\n${' '.repeat(margin)}`);
      return index === 0 ? paint('bold', [...cells, last].join('  ')) : [...cells, last].join('  ');
    })
    .join('\n');
}

/** Lines of whole words, each at most `width` long where its words are. */
function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** Who holds a rule, for a reader. */
export function gatesInWords(gates: Rule['gates']): string {
  return gates === 'both' ? 'the check and the cluster (ValidatingAdmissionPolicy)' : 'the check alone';
}

/** All that is known of a rule. */
export function rulePage(entry: CatalogueEntry, colours: boolean): string {
  const paint = painter(colours);
  const { id, group, severity, gates, why, fix, definedIn } = entry;
  const examples = (['valid', 'invalid'] as const).flatMap((kind) => {
    const example = entry[kind];
    const title = paint(kind === 'valid' ? 'green' : 'red', kind);
    return example === undefined
      ? []
      : ['', `${title} ${paint('dim', example.file)}`, printable(example.text).replace(/^(?=.)/gm, '  ')];
  });
  return [
    `${paint('bold', id)}  ${severity}, ${group}`,
    '',
    `why      ${printable(why)}`,
    `fix      ${printable(fix)}`,
    `held by  ${gatesInWords(gates)}`,
    `defined  ${definedIn}`,
    ...examples,
  ].join('\n');
}

/**
 * The entry of a rule.
 * @throws {CannotRun} when there is none, with the names most like it
 */
export function ruleNamed<T extends { id: string }>(entries: T[], id: string): T {
  const entry = entries.find((candidate) => candidate.id === id);
  if (entry === undefined) {
    const near = entries
      .map((candidate) => ({ id: candidate.id, far: edits(id, candidate.id) }))
      .sort((one, other) => one.far - other.far)
      .slice(0, 3);
    throw new CannotRun(
      `there is no rule "${id}". The nearest: ${near.map((rule) => rule.id).join(', ')}. --list shows all.`,
    );
  }
  return entry;
}

/** How many letters must be put in, taken out or replaced to make one word of the other (Levenshtein). */
function edits(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [above, letter] of [...one].entries()) {
    const next = [above + 1];
    for (const [index, against] of [...other].entries()) {
      const replaced = (row[index] ?? 0) + (letter === against ? 0 : 1);
      next.push(Math.min(replaced, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

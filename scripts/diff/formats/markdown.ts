import { html, inline, longestComment } from '../../check/formats/markdown.ts';
import { grave } from '../impacts/impact.ts';
import type { Difference, PartDifference } from '../model.ts';
import { headline, partLines } from './lines.ts';
import { acknowledgementLines, howToAcknowledge, summary } from './summary.ts';

/** By this the workflow finds the comment that it wrote before. */
export const marker = '<!-- quotes diff -->';

/** What is said of what does not fit, at most: a line in each part, and one at the end. */
const reserved = 1000;

/**
 * A comment on a pull request: what changes in all, then a part each to open. What would make it longer than GitHub
 * takes is left out and counted, of the longest parts first.
 */
export function markdownDifference(difference: Difference): string {
  const open = acknowledgementLines(difference);
  const head = [
    marker,
    `${mark(difference)} **${inline(summary(difference))}**`,
    ...(open.length === 0 ? [] : [howToAcknowledge, fenced(cut(open, longestComment / 4), '')]),
  ].join('\n\n');
  const texts = difference.parts.map((part) => ({
    title: `<details><summary>${inElement(headline(part))}</summary>`,
    lines: partLines(part).map(({ sign, text }) => `${sign === '~' ? '!' : sign} ${text}`.trimEnd()),
  }));
  const frames = texts.reduce(
    (sum, { title }) => sum + title.length + '\n\n\n\n</details>\n\n'.length + 30,
    0,
  );
  const budget = longestComment - head.length - frames - reserved;
  const share = fairShare(
    texts.map(({ lines }) => lines.join('\n').length),
    budget,
  );
  const shown = texts.map(
    ({ title, lines }) => `${title}\n\n${fenced(cut(lines, share), 'diff')}\n\n</details>`,
  );
  return [head, ...shown].join('\n\n').slice(0, longestComment);
}

/** Nothing of it is markup either, nobody is mentioned, and no issue linked. */
function inElement(text: string): string {
  const entity = (sign: string) => ('@#'.includes(sign) ? `${sign}&#8203;` : `&#${sign.charCodeAt(0)};`);
  return html(text)
    .replaceAll('\n', ' ')
    .replace(/[\\`*_[\]~|$@#]/g, entity);
}

function mark({ unacknowledged, parts }: Difference): string {
  const isGrave = parts.some(({ impact }: PartDifference) => grave.includes(impact));
  return unacknowledged.length > 0 ? '❌' : isGrave ? '⚠️' : '✅';
}

/** How long each may be so that all of them are within the budget: who needs less leaves it to the others. */
function fairShare(lengths: number[], budget: number): number {
  let [left, share] = [budget, 0];
  for (const [index, length] of lengths.toSorted((one, other) => one - other).entries()) {
    share = Math.max(0, Math.floor(left / (lengths.length - index)));
    left -= Math.min(length, share);
  }
  return share;
}

function cut(lines: string[], most: number): string[] {
  if (lines.join('\n').length <= most) {
    return lines;
  }
  const note = (number: number) =>
    `… ${number} more lines did not fit into a comment: npm run diff shows them all`;
  let used = note(lines.length).length;
  const fitting = lines.findIndex((line) => {
    used += line.length + 1;
    return used > most;
  });
  const kept = lines.slice(0, Math.max(0, fitting));
  return [...kept, note(lines.length - kept.length)];
}

/** In a fence that is longer than any in the text nothing is markup, HTML, a mention or a link. */
function fenced(lines: string[], language: string): string {
  const text = lines.join('\n');
  const longest = [...text.matchAll(/`+/g)].reduce((most, [run]) => Math.max(most, run.length), 2);
  const fence = '`'.repeat(Math.min(longest, longestComment / 100) + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

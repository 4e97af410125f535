import type { Rule } from '../model.ts';
import {
  acrossEnvironments,
  coverageLines,
  type Judged,
  objectName,
  onlyWarns,
  placeName,
  type SharedFinding,
  verdict,
} from './judged.ts';
import { printable } from './printable.ts';

/** GitHub refuses a longer comment. In characters; a JavaScript string is never shorter than that. */
export const longestComment = 65_536;

/**
 * A comment on a pull request: the verdict, a table of findings, why each rule is and what mends it. Findings that
 * would make it longer than GitHub takes are left out and counted.
 */
export function markdown({ report, rules }: Judged): string {
  const found = acrossEnvironments(report.findings);
  const mark = found.length === 0 ? '✅' : onlyWarns(report) ? '⚠️' : '❌';
  const headline = `${mark} **${inline(verdict(report))}**`;
  const covered = coverageLines(report).map(inline).join('<br>');
  const leftOut = (number: number) =>
    `**${number} more did not fit into a comment:** \`npm run check\` shows them all.`;
  const budget =
    longestComment - [headline, head, leftOut(found.length), covered].join('\n\n').length - '\n\n'.length * 2;

  const rows: string[] = [];
  const help = new Map<string, string>();
  let used = 0;
  for (const finding of found) {
    const rule = rules.find(({ id }) => id === finding.rule);
    const text = row(finding);
    const details = rule === undefined || help.has(rule.id) ? '' : whyAndFix(rule);
    const size = text.length + '\n'.length + (details === '' ? 0 : details.length + '\n\n'.length);
    if (used + size > budget) {
      continue;
    }
    used += size;
    rows.push(text);
    if (details !== '') {
      help.set(finding.rule, details);
    }
  }
  const missing = found.length - rows.length;
  return [
    headline,
    ...(rows.length === 0 ? [] : [[head, ...rows].join('\n')]),
    ...(missing === 0 ? [] : [leftOut(missing)]),
    ...help.values(),
    covered,
  ].join('\n\n');
}

const head = `| | rule | environment | object | place | message |\n| --- | --- | --- | --- | --- | --- |`;

function row(finding: SharedFinding): string {
  const { severity, rule, environments, object, message } = finding;
  const cells = [severity, rule, environments.join(', '), objectName(object), placeName(finding), message];
  return `| ${cells.map(inline).join(' | ')} |`;
}

function whyAndFix({ id, why, fix }: Rule): string {
  return `<details><summary>${html(id)}: why, and what mends it</summary>\n\n${inline(why)}\n\n${inline(fix)}\n\n</details>`;
}

const entities: Record<string, string> = { '<': '&lt;', '>': '&gt;', '&': '&amp;' };

/** Text of a manifest as text in an HTML element, where Markdown's own escapes would be read as they stand. */
export function html(text: string): string {
  return printable(text.trim()).replace(/[<>&]/g, (character) => entities[character] ?? '');
}

/** Text of a manifest as text, in a table's cell too: no markup, no HTML, nobody mentioned, no issue linked. */
export function inline(text: string): string {
  return html(text)
    .replace(/[\\`*_[\]~|$]|:(?=\/\/)|^[-+=]/gm, '\\$&')
    .replace(/[@#]/g, '$&&#8203;')
    .replaceAll('\t', ' ')
    .replace(/\n+/g, '<br>');
}

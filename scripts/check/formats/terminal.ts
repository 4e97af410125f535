import {
  about,
  acrossEnvironments,
  brokenRules,
  coverageLines,
  type Judged,
  onlyWarns,
  type SharedFinding,
  verdict,
} from './judged.ts';
import { type Paint, painter } from './paint.ts';
import { printable } from './printable.ts';

/**
 * For a reader: findings under their files, each with its line, then why each rule is and what mends it, then what
 * was judged. Nothing of a manifest begins a line, so that no program takes it for a command.
 */
export function terminal(judged: Judged, colours = false): string {
  const paint = painter(colours);
  const { report } = judged;
  const lines: string[] = [];
  const byFile = Map.groupBy(acrossEnvironments(report.findings), ({ file }) => file);
  for (const [file, findings] of byFile) {
    const margin = Math.max(...findings.map((finding) => position(finding).length)) + 2;
    lines.push(paint('bold', printable(file)));
    lines.push(...findings.flatMap((finding) => findingLines(finding, judged, margin, paint)), '');
  }
  for (const { id, why, fix } of brokenRules(judged)) {
    lines.push(paint('bold', id), `  why  ${printable(why)}`, `  fix  ${printable(fix)}`, '');
  }
  const [covered = '', ...more] = coverageLines(report);
  const colour = report.findings.length === 0 ? 'green' : onlyWarns(report) ? 'yellow' : 'red';
  lines.push(`${paint(colour, verdict(report))}; ${covered}`, ...more);
  return lines.join('\n');
}

function findingLines(finding: SharedFinding, judged: Judged, margin: number, paint: Paint): string[] {
  const { severity, rule, message } = finding;
  const [first = '', ...more] = printable(message.trim()).split('\n');
  const where = about(finding) === '' ? '' : paint('dim', ` (${printable(about(finding))})`);
  const head = [position(finding).padStart(margin), paint(severity === 'error' ? 'red' : 'yellow', severity)];
  const gutter = `${' '.repeat(margin)}  ${paint('dim', '│')} `;
  return [
    `${head.join('  ')}  ${rule}  ${first}${more.length === 0 ? where : ''}`,
    ...more.map((line, index) => `${gutter}${line}${index === more.length - 1 ? where : ''}`),
    ...excerpt(finding, judged).map((line, index) => gutter + (index === 0 ? line : paint('red', line))),
  ];
}

function position({ line, column }: SharedFinding): string {
  return line === undefined ? '' : `${line}${column === undefined ? '' : `:${column}`}`;
}

/** Longer lines are generated or packed: they would push the finding itself off the screen. */
const longestExcerpt = 200;

/** The finding's line and a caret under its column. Not where a secret may be in it: what is printed is kept by CI. */
function excerpt(finding: SharedFinding, { rules, sourceLine }: Judged): string[] {
  if (rules.find(({ id }) => id === finding.rule)?.group === 'secrets') {
    return [];
  }
  const text = sourceLine(finding);
  const caret = finding.column === undefined ? text.search(/\S/) : finding.column - 1;
  if (text.trim() === '' || text.length > longestExcerpt || caret > text.length) {
    return [];
  }
  // A tab before the caret stays one, so that both lines are as wide.
  const indent = text.slice(0, caret).replace(/[^\t]/g, ' ');
  return [printable(text).trimEnd(), `${indent}^`];
}

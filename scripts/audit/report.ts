import { keyOf } from '../check/data/holdings.ts';
import { painter } from '../check/formats/paint.ts';
import { printable } from '../check/formats/printable.ts';
import { count } from '../diff/formats/lines.ts';
import type { Audit, AuditFinding } from './model.ts';

const parts: { kind: AuditFinding['kind']; title: string; none: (audit: Audit) => string }[] = [
  {
    kind: 'policy',
    title: 'Policies',
    none: ({ coverage: { judged, policies, rules } }) =>
      `${count(judged, 'object')} keep ${policies} policies and ${rules} rules over several objects`,
  },
  {
    kind: 'drift',
    title: 'Drift',
    none: ({ coverage: { applications } }) => `${count(applications, 'Application')} as in Git`,
  },
  {
    kind: 'unowned',
    title: 'Unowned',
    none: ({ coverage: { objects } }) => `none of ${count(objects, 'object')}`,
  },
];

/** For a reader: what breaks a rule, what is not as in Git, what nobody owns; then a summary. */
export function terminalAudit(audit: Audit, colours: boolean): string {
  const paint = painter(colours);
  const { findings, coverage } = audit;
  const sections = parts.flatMap(({ kind, title, none }) => {
    const own = findings.filter((finding) => finding.kind === kind);
    return own.length === 0
      ? [`${paint('bold', title)}: ${paint('green', none(audit))}`]
      : [
          paint('bold', title),
          ...own.map(({ severity, rule, object, message }) => {
            const about = object.kind === '' ? '' : paint('dim', ` (${printable(keyOf(object))})`);
            const word = paint(severity === 'error' ? 'red' : 'yellow', severity.padEnd('warning'.length));
            return `  ${word}  ${rule}  ${printable(message)
              .trim()
              .replaceAll(/\s*\n\s*/g, ' ')}${about}`;
          }),
        ];
  });
  const counts = parts.map(({ kind }) => {
    const own = findings.filter((finding) => finding.kind === kind);
    return `${own.length} ${kind}`;
  });
  const verdict =
    findings.length === 0
      ? paint('green', 'no findings')
      : paint('red', `${count(findings.length, 'finding')} (${counts.join(', ')})`);
  const compared = coverage.environments.join(', ');
  return [...sections, '', `${verdict}; ${compared} at ${coverage.git}`].join('\n');
}

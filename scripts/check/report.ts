import { styleText } from 'node:util';
import type { Finding, ObjectId, Report, Rule } from './model.ts';

/** The report for a reader: findings under their files, then why and how to mend each rule, then what was covered. */
export function terminalReport({ findings, coverage }: Report, rules: Rule[]): string {
  const lines: string[] = [];
  for (const [file, own] of Map.groupBy(findings, (finding) => finding.file)) {
    lines.push(styleText('bold', file), ...own.map(line), '');
  }
  for (const id of new Set(findings.map(({ rule }) => rule))) {
    const rule = rules.find((candidate) => candidate.id === id);
    if (rule !== undefined) {
      lines.push(`${styleText('bold', id)}: ${rule.why}`, `  ${rule.fix}`);
    }
  }
  if (findings.length > 0) {
    lines.push('');
  }
  const { environments, objects, validated, skipped, policies, passedOver } = coverage;
  const where = environments.length === 0 ? '' : ` (${environments.join(', ')})`;
  lines.push(
    `${findings.length === 0 ? styleText('green', 'no findings') : styleText('red', count(findings.length, 'finding'))} ` +
      `in ${count(objects, 'object')}${where}; ${validated} validated, ${skipped} skipped; ${policies} policies`,
  );
  if (passedOver.length > 0) {
    lines.push(`not judged, for want of an environment's parameters: ${passedOver.join(', ')}`);
  }
  return lines.join('\n');
}

function line({ line, severity, rule, environment, object, message }: Finding): string {
  const place = line === undefined ? '     ' : String(line).padStart(5);
  const colour = severity === 'error' ? 'red' : 'yellow';
  const about = [environment, name(object)].filter((part) => part !== '').join(' ');
  return `${place}  ${styleText(colour, severity)}  ${rule}  ${message}${about === '' ? '' : ` (${about})`}`;
}

function name({ kind, name }: ObjectId): string {
  return kind === '' && name === '' ? '' : `${kind} ${name}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

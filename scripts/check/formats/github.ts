import { randomUUID } from 'node:crypto';
import { about, acrossEnvironments, type Judged } from './judged.ts';
import { printable } from './printable.ts';

/**
 * Workflow commands that GitHub shows beside the lines of a pull request: the first ten errors and ten warnings of a
 * step, all of them in its log.
 * https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
 */
export function github({ report }: Judged): string {
  return acrossEnvironments(report.findings)
    .map((finding) => {
      const { severity, rule, file, line, column, message } = finding;
      const properties = Object.entries({ file, line, col: column, title: rule })
        .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${property(String(value))}`]))
        .join(',');
      const where = about(finding) === '' ? '' : ` (${about(finding)})`;
      return `::${severity} ${properties}::${data(printable(`${message}${where}`))}`;
    })
    .join('\n');
}

/**
 * A text that a step prints but the runner does not obey. It reads commands from every line of a step's output, and a
 * finding cites manifests.
 */
export function disarmed(text: string): string {
  const token = randomUUID();
  return `::stop-commands::${token}\n${text}\n::${token}::`;
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

import { runProgram } from '../program.ts';
import type { Advisory, Answer } from './model.ts';

const file = 'package-lock.json';

/** As `npm audit --json` writes it; an error has no version. */
type Report = {
  auditReportVersion?: number;
  message?: string;
  error?: { summary?: string };
  vulnerabilities?: Record<string, Vulnerability>;
};
type Vulnerability = {
  /** What is wrong with the package itself; of what it is wrong by, only the name. */
  via: (string | { name: string; title: string; url: string; severity: string; range: string })[];
  fixAvailable: boolean | { name: string; version: string };
};

/** Asks npm's registry about what package-lock.json has. */
export async function npmAdvisories(root: string): Promise<Answer> {
  // It ends with 1 for advisories and for errors alike.
  const audit = ['audit', '--json', '--package-lock-only'];
  const { stdout, stderr } = await runProgram('npm', audit, { cwd: root, stdin: 'ignore', reject: false });
  return npmAnswer(stdout === '' ? JSON.stringify({ message: stderr }) : stdout);
}

/** @param text what `npm audit --json` wrote */
export function npmAnswer(text: string): Answer {
  const { auditReportVersion, message, error, vulnerabilities = {} } = JSON.parse(text) as Report;
  if (auditReportVersion === undefined) {
    const why = message ?? error?.summary ?? '';
    return { ecosystem: 'npm', unreachable: why.split('\n')[0] ?? '' };
  }
  const found = Object.values(vulnerabilities).flatMap(({ via, fixAvailable }) =>
    via.flatMap((own): Advisory[] => {
      if (typeof own === 'string') {
        return [];
      }
      const { name, title, url, severity, range } = own;
      const fix =
        fixAvailable === false
          ? 'no version mends it'
          : fixAvailable === true
            ? '"npm audit fix" mends it'
            : `${fixAvailable.name} ${fixAvailable.version} mends it`;
      const id = url.slice(url.lastIndexOf('/') + 1);
      const remedy = `${severity}, of ${range}; ${fix}`;
      return [{ ecosystem: 'npm', id, package: name, title, url, remedy, files: [file] }];
    }),
  );
  return { ecosystem: 'npm', advisories: found };
}

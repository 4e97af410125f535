import { existsSync } from 'node:fs';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import { type Choice, check } from './check.ts';
import type { Finding, Report } from './model.ts';
import { gitOutput, withTreeAt } from './origin.ts';

/**
 * The report without the findings that were there at a revision already, which are counted in `since`. A finding is
 * the same one when all but its line is: a change above it does not make it new.
 * @throws {CannotRun} when there is no such revision, or what it held cannot be checked
 */
export async function since(
  root: string,
  revision: string,
  paths: string[],
  report: Report,
  progress: (line: string) => void,
  choice?: Choice,
): Promise<Report> {
  const then = await reportAt(root, revision, paths, progress, choice);
  const before = new Map<string, number>();
  for (const finding of then) {
    before.set(identity(finding), (before.get(identity(finding)) ?? 0) + 1);
  }
  const findings = report.findings.filter((finding) => {
    const left = before.get(identity(finding)) ?? 0;
    before.set(identity(finding), left - 1);
    return left <= 0;
  });
  return { ...report, findings, since: { revision, older: report.findings.length - findings.length } };
}

function identity({ line: _, column: __, ...finding }: Finding): string {
  return JSON.stringify(finding);
}

async function reportAt(
  root: string,
  revision: string,
  paths: string[],
  progress: (line: string) => void,
  choice?: Choice,
): Promise<Finding[]> {
  const commit = await gitOutput(
    root,
    ...['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`],
  );
  if (commit === undefined) {
    throw new CannotRun(
      `--since ${revision}: git knows no such commit in ${root}. Fetch it, or name another.`,
    );
  }
  return withTreeAt(root, commit, async (then) => {
    const moved = paths.map((given) => path.join(then, path.relative(root, path.resolve(given))));
    const there = moved.filter((at) => existsSync(at));
    if (paths.length > 0 && there.length === 0) {
      return [];
    }
    try {
      return (await check(then, there, progress, choice)).report.findings;
    } catch (error) {
      if (error instanceof CannotRun) {
        const reason = error.message.replaceAll(then, '.');
        throw new CannotRun(`--since ${revision}: what it held cannot be checked: ${reason}`);
      }
      throw error;
    }
  });
}

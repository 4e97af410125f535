import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { execa } from 'execa';
import { repoRoot } from '../paths.ts';
import { check } from './check.ts';
import { manifestFolders } from './targets.ts';

/** The folders with manifests that tests copy: without argocd/, which has nothing to spoil. */
export const spoilable = manifestFolders.filter(
  (folder) => folder !== 'argocd' && existsSync(path.join(repoRoot, folder)),
);

/** For tests: a copy of the manifests to spoil. */
export async function copy(t: TestContext): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-check-test-'));
  t.after(() => rm(root, { recursive: true }));
  for (const folder of ['docs', ...spoilable]) {
    await cp(path.join(repoRoot, folder), path.join(root, folder), { recursive: true });
  }
  return root;
}

/** For tests: a copy that git knows, on a branch off main, without a change. */
export async function repository(t: TestContext, prepare?: (root: string) => Promise<void>) {
  const root = await copy(t);
  await prepare?.(root);
  const git = (...args: string[]) =>
    execa('git', ['-C', root, '-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args]);
  await git('init', '--quiet', '--initial-branch=main');
  await git('add', '.');
  await git('commit', '--quiet', '--message=x');
  await git('switch', '--quiet', '--create', 'change');
  const commit = async (...message: string[]) => {
    await git('add', '.');
    await git('commit', '--quiet', ...message.map((line) => `--message=${line}`));
  };
  return { root, git, commit };
}

/** Replaces text in a file; an empty `from` writes the file anew. */
export async function spoil(root: string, file: string, from: string | RegExp, to: string): Promise<void> {
  const before = from === '' ? '' : await readFile(path.join(root, file), 'utf8');
  const after = from === '' ? to : before.replace(from, to);
  assert.notEqual(after, before, `${file} has nothing like ${from}`);
  await writeFile(path.join(root, file), after);
}

/** The line, from 1, that begins with a text; 0 when none does. */
export async function lineOf(root: string, file: string, text: string): Promise<number> {
  return (
    (await readFile(path.join(root, file), 'utf8'))
      .split('\n')
      .findIndex((line) => line.trimStart().startsWith(text)) + 1
  );
}

/** What the check finds, without severities, objects and columns. */
export async function findingsOf(root: string, ...paths: string[]) {
  const { report } = await check(root, paths, () => {});
  return report.findings.map(({ rule, environment, file, line, message }) => ({
    rule,
    environment,
    file,
    line,
    message,
  }));
}

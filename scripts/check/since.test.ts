import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { CannotRun } from '../cli.ts';
import { check } from './check.ts';
import { since } from './since.ts';
import { copy, spoil } from './spoilt-copy.ts';

const deployment = 'base/quote-app/deployment.yaml';

/** A repository whose main has one mistake: no livenessProbe. */
async function repository(t: TestContext): Promise<string> {
  const root = await copy(t);
  await spoil(root, deployment, / +livenessProbe:\n(?: {12,}.*\n)+/, '');
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
  for (const args of [
    ['init', '--quiet', '--initial-branch=main'],
    ['add', '.'],
    ['commit', '--quiet', '-m', 'x'],
  ]) {
    await execa('git', ['-C', root, ...identity, ...args]);
  }
  return root;
}

async function newFindings(root: string, revision: string, ...paths: string[]) {
  const { report } = await check(root, paths, () => {});
  return since(root, revision, paths, report, () => {});
}

test('a change that brings nothing has no findings, and says how many stood already', async (t) => {
  const root = await repository(t);
  await spoil(root, deployment, 'apiVersion', '# a line more\napiVersion');
  const { findings, since: told } = await newFindings(root, 'main');
  assert.deepEqual(findings, []);
  assert.deepEqual(told, { revision: 'main', older: 3 });
});

test('a change that brings a finding has that one alone, as the whole and by a path', async (t) => {
  const root = await repository(t);
  await spoil(root, deployment, 'maxSurge: 1', 'maxSurge: 1\n      maxSurg: 2');
  for (const paths of [[], [path.join(root, 'overlays/dev')]]) {
    const { findings } = await newFindings(root, 'HEAD', ...paths);
    assert.deepEqual([...new Set(findings.map(({ rule }) => rule))], ['unknown-field']);
  }
});

test('what a path held before it was there is nothing', async (t) => {
  const root = await repository(t);
  const file = 'base/quote-app/new.yaml';
  await spoil(root, file, '', 'apiVersion: v1\nkind: Pods\nmetadata: {name: x}\n');
  const { findings, since: told } = await newFindings(root, 'HEAD', path.join(root, file));
  assert.deepEqual(
    findings.map(({ rule }) => rule),
    ['unknown-kind'],
  );
  assert.equal(told?.older, 0);
});

test('a revision that is not there, or cannot be checked, is refused by name', async (t) => {
  const root = await repository(t);
  for (const revision of ['nowhere', '--output=x']) {
    await assert.rejects(newFindings(root, revision), (error) => {
      assert.ok(error instanceof CannotRun);
      assert.ok(error.message.includes(revision));
      return true;
    });
  }
});

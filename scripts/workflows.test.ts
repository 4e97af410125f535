import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { repoRoot } from './paths.ts';

type Step = { uses?: string; run?: string; with?: Record<string, unknown> };
type Workflow = {
  on: unknown;
  permissions: unknown;
  concurrency: unknown;
  jobs: Record<string, { permissions?: unknown; steps: Step[] }>;
};

const folder = path.join(repoRoot, '.github/workflows');
const workflows = await Promise.all(
  (await Array.fromAsync(glob('*.y*ml', { cwd: folder }))).map(async (file) => {
    const text = await readFile(path.join(folder, file), 'utf8');
    const workflow = parse(text) as Workflow;
    return { file, text, workflow, steps: Object.values(workflow.jobs).flatMap(({ steps }) => steps) };
  }),
);

test('every action is pinned by its commit, its version beside it', () => {
  assert.ok(workflows.length > 0);
  for (const { file, text, steps } of workflows) {
    const uses = steps.flatMap((step) => step.uses ?? []);
    assert.ok(uses.length > 0);
    for (const action of uses) {
      assert.match(action, /^[\w./-]+@[0-9a-f]{40}$/, `${file}: ${action}`);
      assert.match(
        text,
        new RegExp(`${RegExp.escape(action)} # v\\d+\\.\\d+\\.\\d+\n`),
        `${file}: ${action}`,
      );
    }
  }
});

test('no workflow may do more than read, keeps a token, knows a secret, or pastes what an author chose into a shell', () => {
  for (const { file, text, workflow, steps } of workflows) {
    assert.deepEqual(workflow.on, 'pull_request', file);
    assert.deepEqual(workflow.permissions, { contents: 'read' }, file);
    assert.ok(workflow.concurrency, file);
    for (const [name, job] of Object.entries(workflow.jobs)) {
      assert.equal(job.permissions, undefined, `${file}: ${name}`);
    }
    assert.doesNotMatch(text, /secrets\b/, file);
    for (const { uses = '', run = '', with: inputs } of steps) {
      assert.doesNotMatch(run, /\$\{\{/, file);
      assert.ok(!uses.startsWith('actions/checkout@') || inputs?.['persist-credentials'] === false, file);
    }
  }
});

test("the base branch's program is installed before the pull request's files are there, and only it is run", () => {
  const steps = workflows.find(({ file }) => file === 'check.yaml')?.steps ?? [];
  const [base, pullRequest, ...more] = steps.flatMap(({ uses = '', with: inputs }, index) =>
    uses.startsWith('actions/checkout@') ? [{ index, inputs }] : [],
  );
  assert.deepEqual(more, []);
  assert.equal(base?.inputs?.ref, `\${{ github.event.pull_request.base.sha }}`);
  assert.equal(base.inputs.path, 'base');
  assert.equal(pullRequest?.inputs?.path, 'pull-request');
  // What --since compares with is the merge's first parent; what a commit acknowledges is in any message since.
  assert.equal(pullRequest.inputs['fetch-depth'], 0);
  assert.ok(steps.some(({ run = '' }) => run.includes('--since HEAD^1')));
  const installed = steps.findIndex(({ run = '' }) => run.startsWith('node base/scripts/run.mjs check'));
  assert.ok(base.index < installed && installed < pullRequest.index);
  for (const run of steps.flatMap((step) => step.run ?? [])) {
    assert.ok(run.startsWith('node base/scripts/run.mjs check'), run);
  }
});

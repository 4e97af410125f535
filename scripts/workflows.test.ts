import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { parse } from 'yaml';
import { marker } from './diff/formats/markdown.ts';
import { repoRoot } from './paths.ts';

type Step = { uses?: string; run?: string; with?: Record<string, unknown>; env?: Record<string, unknown> };
type Workflow = {
  on: string | Record<string, unknown>;
  permissions: unknown;
  concurrency: unknown;
  jobs: Record<string, { permissions?: unknown; if?: string; needs?: unknown; steps: Step[] }>;
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

/** The jobs that may do more than read, each with what it may, and a test of its own that says why that is safe. */
const permitted = new Map([['diff.yaml: comment', { 'pull-requests': 'write' }]]);

test('no job may do more than read that is not permitted by name, keeps a token, knows a secret, or pastes what an author chose into a shell', () => {
  for (const { file, text, workflow, steps } of workflows) {
    // Neither of a pull request nor of a schedule has a stranger's code a token that may write.
    const on = typeof workflow.on === 'string' ? [workflow.on] : Object.keys(workflow.on);
    assert.deepEqual(on, file === 'advisories.yaml' ? ['pull_request', 'schedule'] : ['pull_request'], file);
    assert.deepEqual(workflow.permissions, { contents: 'read' }, file);
    assert.ok(workflow.concurrency, file);
    for (const [name, job] of Object.entries(workflow.jobs)) {
      assert.deepEqual(job.permissions, permitted.get(`${file}: ${name}`), `${file}: ${name}`);
    }
    assert.doesNotMatch(text, /secrets\b/, file);
    for (const { uses = '', run = '', with: inputs } of steps) {
      assert.doesNotMatch(run, /\$\{\{/, file);
      assert.ok(!uses.startsWith('actions/checkout@') || inputs?.['persist-credentials'] === false, file);
    }
  }
});

test('the job that may comment has no file of the pull request but the diff, and gives it to gh alone, as a text', () => {
  const job = workflows.find(({ file }) => file === 'diff.yaml')?.workflow.jobs.comment;
  assert.equal(job?.needs, 'diff');
  assert.match(job.if ?? '', /github\.event\.pull_request\.head\.repo\.full_name == github\.repository/);
  const [download, comment, ...more] = job.steps;
  assert.deepEqual(more, []);
  assert.match(download?.uses ?? '', /^actions\/download-artifact@/);
  assert.deepEqual(download?.with, { name: 'diff' });
  // What an author chooses is in none of these: a repository's name, and a number.
  const given = Object.values(comment?.env ?? {}).flatMap(
    (value) => String(value).match(/\$\{\{.*?\}\}/g) ?? [],
  );
  assert.deepEqual(
    [...new Set(given)].sort(),
    ['github.event.pull_request.number', 'github.repository', 'github.token'].map(
      (name) => `\${{ ${name} }}`,
    ),
  );
  assert.ok(String(comment?.env?.OWN).includes(`startswith("${marker}")`));
  assert.doesNotMatch(comment?.run ?? '', /\b(eval|exec|source|sh|bash|node|npm|npx|xargs)\b/);
  assert.equal(
    comment?.run?.match(/diff\.md/g)?.length,
    comment?.run?.match(/--field body=@diff\.md/g)?.length,
  );
});

/** The workflows that judge a pull request's files, each with the command that does. */
const judging = [
  { file: 'check.yaml', job: 'check', command: 'check', comparesWith: '--since HEAD^1' },
  { file: 'diff.yaml', job: 'diff', command: 'diff', comparesWith: ' HEAD^1' },
  // What is pinned is judged as it is, and against nothing.
  { file: 'advisories.yaml', job: 'advisories', command: 'advisories', comparesWith: undefined },
];

for (const { file, job, command, comparesWith } of judging) {
  test(`${file}: the base branch's program is installed before the pull request's files are there, and only it is run`, () => {
    const steps = workflows.find((one) => one.file === file)?.workflow.jobs[job]?.steps ?? [];
    const [base, pullRequest, ...more] = steps.flatMap(({ uses = '', with: inputs }, index) =>
      uses.startsWith('actions/checkout@') ? [{ index, inputs }] : [],
    );
    assert.deepEqual(more, []);
    assert.equal(base?.inputs?.ref, `\${{ github.event.pull_request.base.sha }}`);
    assert.equal(base.inputs.path, 'base');
    assert.equal(pullRequest?.inputs?.path, 'pull-request');
    // What it is compared with is the merge's first parent; what a commit acknowledges is in any message since.
    assert.equal(pullRequest.inputs['fetch-depth'], comparesWith === undefined ? undefined : 0);
    assert.ok(
      steps.some(({ run = '' }) => run.includes('--root pull-request') && run.includes(comparesWith ?? '')),
    );
    const installed = steps.findIndex(({ run = '' }) =>
      run.startsWith(`node base/scripts/run.mjs ${command}`),
    );
    assert.ok(base.index < installed && installed < pullRequest.index);
    for (const run of steps.flatMap((step) => step.run ?? [])) {
      assert.ok(run.startsWith(`node base/scripts/run.mjs ${command}`), run);
    }
  });
}

test('every job that has the files of a pull request is one of those', () => {
  const having = workflows.flatMap(({ file, workflow }) =>
    Object.entries(workflow.jobs).flatMap(([name, { steps }]) =>
      steps.some(({ uses = '' }) => uses.startsWith('actions/checkout@')) ? [`${file}: ${name}`] : [],
    ),
  );
  assert.deepEqual(having.sort(), judging.map(({ file, job }) => `${file}: ${job}`).sort());
});

/** Each command of ours that a workflow runs, with its options and the formats that they name. */
const ours = workflows.flatMap(({ file, steps }) =>
  steps.flatMap(({ run = '' }) =>
    [...run.matchAll(/scripts\/run\.mjs ([a-z0-9-]+)([^|&;\n]*)/g)].map(([, verb = '', rest = '']) => ({
      file,
      verb,
      options: rest.match(/--[a-z-]+/g) ?? [],
      formats: [...rest.matchAll(/--output "?(\w+)=/g)].map(([, format = '']) => format),
    })),
  ),
);

test('every option and format that a workflow gives to a command of ours is one that the command has', async () => {
  assert.ok(ours.some(({ options }) => options.length > 0));
  const verbs = [...new Set(ours.map(({ verb }) => verb))];
  const helps = await Promise.all(
    verbs.map(async (verb) => {
      const program = path.join(repoRoot, 'scripts', `${verb}.ts`);
      const { stdout } = await execa(process.execPath, [
        '--disable-warning=ExperimentalWarning',
        program,
        '--help',
      ]);
      return [verb, stdout] as const;
    }),
  );
  for (const { file, verb, options, formats } of ours) {
    const help = new Map(helps).get(verb) ?? '';
    const own = [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option]) => option);
    const known = ['--help', ...own];
    const named = [...help.matchAll(/^ {24}([a-z]+) {2,}/gm)].map(([, format]) => format);
    assert.deepEqual(
      options.filter((option) => !known.includes(option)),
      [],
      `${file}: ${verb}`,
    );
    assert.deepEqual(
      formats.filter((format) => !named.includes(format)),
      [],
      `${file}: ${verb}`,
    );
  }
});

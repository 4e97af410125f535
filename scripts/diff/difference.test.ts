import assert from 'node:assert/strict';
import { appendFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { check } from '../check/check.ts';
import { copy, repository, spoil } from '../check/spoilt-copy.ts';
import { CannotRun } from '../cli.ts';
import { repoRoot } from '../paths.ts';
import { type Comparison, difference } from './difference.ts';
import { applyChanges, fieldChanges } from './fields.ts';
import type { Difference } from './model.ts';
import { renderSide } from './trees.ts';

/** What changes, without values: each object with its impact, each field with its rule. */
function told({ parts }: Difference): string[] {
  return parts.flatMap(({ name, state, impact, objects }) => [
    `${name} ${state} ${impact}`,
    ...objects.flatMap(({ key, state, impact, fields, notes }) => [
      `  ${key} ${state} ${impact}`,
      ...fields.map((field) => `    ${field.path} ${field.rule}`),
      ...notes.map(({ rule }) => `    ${rule}`),
    ]),
  ]);
}

async function open(root: string, comparison: Comparison = {}): Promise<string[]> {
  return (await difference(root, comparison)).unacknowledged.map(({ key, impact }) => `${key}: ${impact}`);
}

async function dropCluster(root: string): Promise<void> {
  await spoil(root, 'base/postgres-ha/kustomization.yaml', '  - cluster.yaml\n', '');
  await spoil(root, 'overlays/prod/postgres.yaml', /apiVersion: postgresql[\s\S]*?---\n/, '');
}

test('of each two objects of this repository of one kind, the changes make the one of the other', async () => {
  const { parts } = await renderSide(repoRoot, { folder: repoRoot }, () => {});
  const kinds = Map.groupBy(
    parts
      .filter(({ role }) => role !== 'policies')
      .flatMap(({ objects }) => objects.map(({ value }) => value)),
    ({ kind }) => kind,
  );
  for (const objects of kinds.values()) {
    for (const [at, was] of objects.slice(0, 25).entries()) {
      assert.deepEqual(fieldChanges(was, structuredClone(was)), []);
      const is = objects[(at + 1) % objects.length] ?? was;
      assert.deepEqual(applyChanges(was, fieldChanges(was, is)), is);
    }
  }
});

test('without a change nothing changes, and a commit is compared with itself', async (t) => {
  const { root } = await repository(t);
  const nothing = { impact: 'none', parts: [], unacknowledged: [] };
  const { from, to, ...rest } = await difference(root, {});
  assert.match(from, /^[0-9a-f]{10}$/);
  assert.equal(to, 'the working tree');
  assert.deepEqual(rest, nothing);
  const same = await difference(root, { from: { commit: 'HEAD' }, to: { commit: 'main' } });
  assert.deepEqual({ ...same, from: '', to: '' }, { ...nothing, from: '', to: '' });
});

test('a change shows in each environment what it does, field by field, each with its impact', async (t) => {
  const { root } = await repository(t);
  await spoil(
    root,
    'overlays/dev/kustomization.yaml',
    'name: quote-app\n    count: 1',
    'name: quote-app\n    count: 2',
  );
  await spoil(root, 'base/edge/haproxy.cfg', /timeout connect.*/, 'timeout connect 7s');
  const found = await difference(root, {});
  const generated = (found.parts[0]?.objects ?? []).find(({ kind }) => kind === 'ConfigMap');
  assert.match(generated?.formerName ?? '', /^haproxy-/);
  const edge = (environment: string) => [
    `  ${generated?.key.replace('in dev', `in ${environment}`)} changed config`,
    '    data["haproxy.cfg"] config',
    '    metadata.name generated-name',
    `  Deployment/edge in ${environment} changed rollout`,
    '    spec.template.spec.volumes[configuration].configMap.name pod-template',
  ];
  assert.deepEqual(told(found), [
    'dev changed rollout',
    ...edge('dev'),
    '  Deployment/quote-app in dev changed scale-up',
    '    spec.replicas more-replicas',
    'staging changed rollout',
    ...edge('staging'),
    'prod changed rollout',
    ...edge('prod'),
  ]);
  assert.deepEqual(found.unacknowledged, []);
  assert.equal(found.impact, 'rollout');
});

test("replicas that an autoscaler owns are none of the diff's concern", async (t) => {
  const { root } = await repository(t);
  await spoil(root, 'overlays/prod/kustomization.yaml', 'count: 3', 'count: 5');
  assert.deepEqual(told(await difference(root, {})), [
    'prod changed none',
    '  Deployment/quote-app in prod changed none',
    '    spec.replicas autoscaled-replicas',
  ]);
});

test('what only says a default, or the same amount otherwise, changes nothing', async (t) => {
  const { root } = await repository(t);
  await spoil(
    root,
    'base/quote-app/deployment.yaml',
    '  revisionHistoryLimit: 3\n',
    '  revisionHistoryLimit: 3\n  paused: true\n',
  );
  await spoil(
    root,
    'base/quote-app/deployment.yaml',
    'containerPort: 3000',
    'containerPort: 3000\n              protocol: TCP',
  );
  await spoil(root, 'base/quote-app/deployment.yaml', 'cpu: "1"', 'cpu: 1000m');
  const { parts } = await difference(root, {});
  assert.deepEqual(
    parts[0]?.objects.flatMap(({ fields }) => fields.map(({ path, rule }) => `${path} ${rule}`)),
    [
      'spec.template.spec.containers[quote-app].ports[3000].protocol same',
      'spec.template.spec.containers[quote-app].resources.limits.cpu same',
      'spec.paused config',
    ],
  );
});

test('what loses data is what the check says, until a commit, or the message of the next, acknowledges it', async (t) => {
  const { root, commit } = await repository(t);
  await dropCluster(root);
  const found = await difference(root, {});
  assert.deepEqual(told(found), [
    'prod changed data',
    '  Cluster/postgres in prod removed data',
    '    data-removed',
  ]);
  const { report } = await check(root, [], () => {}, { rule: ['data-removed'] }, {});
  const note = found.parts[0]?.objects[0]?.notes[0]?.message;
  assert.deepEqual(
    report.findings.map(({ message }) => message.split('; accept')[0]),
    [note],
  );
  assert.deepEqual(await open(root), ['Cluster/postgres in prod: data']);
  const trailer = 'Acknowledge-Impact: Cluster/postgres in prod: restored elsewhere';
  const message = `${root}-message`;
  t.after(() => rm(message));
  await writeFile(message, `A change\n\n${trailer}\n`);
  assert.deepEqual(await open(root, { message }), []);
  await commit('Postgres is elsewhere', trailer);
  assert.deepEqual(await open(root), []);
  assert.deepEqual(await open(root, { from: { commit: 'main' }, to: { commit: 'change' } }), []);
  assert.deepEqual(await open(root, { from: { commit: 'change' } }), [], 'it is done');
});

test('what would be refused is acknowledged in the same words, and the check then has nothing against them', async (t) => {
  const { root, commit } = await repository(t);
  await spoil(root, 'base/postgres-single/persistent-volume-claim.yaml', 'ReadWriteOnce', 'ReadWriteMany');
  assert.deepEqual(await open(root), [
    'PersistentVolumeClaim/postgres-data in dev: immutable',
    'PersistentVolumeClaim/postgres-data in staging: immutable',
  ]);
  const accept = ['dev', 'staging'].map(
    (environment) =>
      `Acknowledge-Impact: PersistentVolumeClaim/postgres-data in ${environment}: made anew by hand`,
  );
  await commit('The claim is shared', accept.join('\n'));
  assert.deepEqual(await open(root), []);
  const { report } = await check(root, [], () => {}, { rule: ['data-removed'] }, {});
  assert.deepEqual(report.findings, []);
});

test('an environment that comes or goes is said as such', async (t) => {
  const { root, git, commit } = await repository(t);
  await rename(path.join(root, 'overlays/dev'), path.join(root, 'overlays/trial'));
  await spoil(root, 'apps/kustomization.yaml', '  - dev.yaml\n', '');
  const { parts, unacknowledged } = await difference(root, {});
  const states = parts.map(({ name, state, impact }) => `${name} ${state} ${impact}`);
  assert.deepEqual(states, ['trial added scale-up', 'apps changed data', 'dev removed data']);
  const dev = parts.find(({ name }) => name === 'dev');
  assert.deepEqual(
    dev?.notes.map(({ rule }) => rule),
    ['environment-removed'],
  );
  assert.ok(unacknowledged.some(({ key }) => key === 'Application/dev in argocd'));
  await commit('dev is called trial');
  // Back again, as promote and rollback ask: from one commit to another.
  const back = await difference(root, { from: { commit: 'HEAD' }, to: { commit: 'main' } });
  assert.ok(back.parts.some(({ name, state }) => name === 'dev' && state === 'added'));
  await git('checkout', '--quiet', 'main');
});

test('an environment without data is acknowledged by its own name', async (t) => {
  const { root, git, commit } = await repository(t);
  await git('switch', '--quiet', 'main');
  await execa('mkdir', [path.join(root, 'overlays/trial')]);
  const settings = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: trial\n';
  await writeFile(path.join(root, 'overlays/trial/kustomization.yaml'), 'resources: [a.yaml]\n');
  await writeFile(path.join(root, 'overlays/trial/a.yaml'), settings);
  await commit('trial');
  await git('switch', '--quiet', '--create', 'without');
  await rm(path.join(root, 'overlays/trial'), { recursive: true });
  assert.deepEqual(await open(root), ['Environment/trial: data']);
  await commit('no trial', 'Acknowledge-Impact: Environment/trial: it was one');
  assert.deepEqual(await open(root), []);
});

test('a ConfigMap that pods read when they start is said to need a restart of them', async (t) => {
  const { root, commit, git } = await repository(t);
  await git('switch', '--quiet', 'main');
  const settings = (level: string) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  level: ${level}\n`;
  await writeFile(path.join(root, 'base/quote-app/settings.yaml'), settings('info'));
  await spoil(root, 'base/quote-app/kustomization.yaml', 'resources:\n', 'resources:\n  - settings.yaml\n');
  await spoil(
    root,
    'base/quote-app/deployment.yaml',
    '          env:\n',
    '          envFrom:\n            - configMapRef:\n                name: settings\n          env:\n',
  );
  await commit('settings');
  await git('switch', '--quiet', '--create', 'louder');
  await writeFile(path.join(root, 'base/quote-app/settings.yaml'), settings('debug'));
  const { parts } = await difference(root, {});
  const [settingsInDev] = parts[0]?.objects ?? [];
  assert.equal(settingsInDev?.impact, 'config');
  assert.match(settingsInDev?.notes[0]?.message ?? '', /^Deployment quote-app read it when they start/);
});

test("a side that does not render is said in Kustomize's words, and a REF that is none, clearly", async (t) => {
  const { root, commit } = await repository(t);
  await appendFile(path.join(root, 'overlays/dev/kustomization.yaml'), 'nonsense: true\n');
  const isSaid = (words: RegExp) => (error: unknown) =>
    error instanceof CannotRun && words.test(error.message);
  await assert.rejects(
    difference(root, {}),
    isSaid(/^overlays\/dev does not render in the working tree, .*unknown field "nonsense"/s),
  );
  await commit('broken');
  await spoil(root, 'overlays/dev/kustomization.yaml', 'nonsense: true\n', '');
  await assert.rejects(
    difference(root, { from: { commit: 'HEAD' } }),
    isSaid(/^overlays\/dev does not render in HEAD \([0-9a-f]{10}\), /),
  );
  await assert.rejects(
    difference(root, { from: { commit: 'nowhere' } }),
    isSaid(/git knows no commit "nowhere"/),
  );
});

test('where git knows no default branch, it asks for one', async (t) => {
  const root = await copy(t);
  await assert.rejects(
    difference(root, {}),
    (error) => error instanceof CannotRun && /name what to compare with/.test(error.message),
  );
});

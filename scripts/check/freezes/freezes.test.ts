import assert from 'node:assert/strict';
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { freezesFile, parseFreezes } from '../../freezes/calendar.ts';
import { addOverride } from '../../freezes/override.ts';
import { frozenFile, writeFrozen } from '../../freezes/sync-windows.ts';
import { check } from '../check.ts';
import { writeGenerated } from '../generated.ts';
import { valueAt } from '../model.ts';
import { findKustomize } from '../programs.ts';
import { renderTarget } from '../render.ts';
import { copy, findingsOf, lineOf, repository, spoil } from '../spoilt-copy.ts';
import { YamlFile, YamlFiles } from '../yaml/yaml-files.ts';
import { freezesReport } from './report.ts';

const always = (name: string, ...environments: string[]) => `  - name: ${name}
    environments: [${environments.join(', ')}]
    schedule: "* * * * *"
    duration: 24h
    reason: the auditors look
`;

/** Writes the freezes, and what Argo CD is told of them. */
async function freeze(root: string, ...freezes: string[]): Promise<void> {
  const list = freezes.length === 0 ? ' []\n' : `\n${freezes.join('')}`;
  await writeFile(path.join(root, freezesFile), `freezes:${list}`);
  await writeFrozen(root);
}

/** What is found of changes, as `PLACE: MESSAGE` without the time and the way out. */
async function found(root: string): Promise<string[]> {
  const { report } = await check(root, [], () => {}, { rule: ['freeze'] }, {});
  return report.findings.map(({ file, environment, message }) => {
    const [, said = message] =
      /^(.*): wait, or let it through with an entry under overrides in policies\/freezes\.yaml$/.exec(
        message,
      ) ?? [];
    return `${file} in ${environment}: ${said.replace(/ until \d{4}-\S+Z /, ' ')}`;
  });
}

const scale = (root: string, environment: string, from: number, to: number) =>
  spoil(root, `overlays/${environment}/kustomization.yaml`, `count: ${from}`, `count: ${to}`);

const overlay = 'overlays/prod/kustomization.yaml';
const scaled = `${overlay} in prod: prod is frozen by audit (the auditors look), and this changes Deployment/quote-app in prod`;

test('what changes a frozen environment is found, wherever it is written, and what changes another is not', async (t) => {
  const { root, commit } = await repository(t, (root) => freeze(root, always('audit', 'prod')));
  assert.deepEqual(await found(root), []);
  await scale(root, 'staging', 2, 3);
  await spoil(root, overlay, 'replicas:\n', 'replicas: # three\n');
  assert.deepEqual(await found(root), []);
  await scale(root, 'prod', 3, 4);
  assert.deepEqual(await found(root), [scaled]);
  await commit('four');
  assert.deepEqual(await found(root), [scaled]);
  await spoil(root, 'base/edge/service.yaml', /^ {2}name: edge$/m, '  name: edge\n  annotations:\n    a: b');
  assert.deepEqual(await found(root), [`${scaled} and 1 more`]);
});

test('an object that is there no more changes it, and a file that is elsewhere does not', async (t) => {
  const { root } = await repository(t, (root) => freeze(root, always('audit', 'prod')));
  const of = (name: string) => path.join(root, 'overlays/prod', name);
  await rename(of('pod-disruption-budget.yaml'), of('budget.yaml'));
  await spoil(root, overlay, 'pod-disruption-budget.yaml', 'budget.yaml');
  assert.deepEqual(await found(root), []);
  await spoil(root, overlay, '  - horizontal-pod-autoscaler.yaml\n', '');
  assert.deepEqual(await found(root), [scaled.replace('Deployment', 'HorizontalPodAutoscaler')]);
});

test('the change that overrides the freeze goes through, and that of another freeze does not', async (t) => {
  const { root } = await repository(t, (root) =>
    freeze(root, always('audit', 'prod'), always('fair', 'staging', 'prod')),
  );
  await scale(root, 'prod', 3, 4);
  await scale(root, 'staging', 2, 4);
  const override = (freeze: string, environment: string) =>
    addOverride(root, {
      freeze,
      environment,
      owner: 'me',
      reason: 'nobody can log in',
      until: new Date(Date.now() + 3_600_000),
    });
  await override('audit', 'prod');
  const held = (environment: string) =>
    `overlays/${environment}/kustomization.yaml in ${environment}: ${environment} is frozen by fair (the auditors look), and this changes Deployment/quote-app in ${environment}`;
  assert.deepEqual(await found(root), [held('prod'), held('staging')]);
  await override('fair', 'prod');
  assert.deepEqual(await found(root), [held('staging')]);
});

test('a freeze that is taken away lets through what comes after it, and not what comes with it', async (t) => {
  const { root, git, commit } = await repository(t, (root) => freeze(root, always('audit', 'prod')));
  await freeze(root);
  assert.deepEqual(await found(root), []);
  await scale(root, 'prod', 3, 4);
  assert.deepEqual(await found(root), [scaled]);
  await scale(root, 'prod', 4, 3);
  await commit('the auditors are gone');
  await git('branch', '--force', 'main');
  await scale(root, 'prod', 3, 4);
  assert.deepEqual(await found(root), []);
});

test('a freeze holds from the change on that brings it; on the default branch, what is not committed', async (t) => {
  const { root, git, commit } = await repository(t);
  await freeze(root, always('audit', 'prod'));
  assert.deepEqual(await found(root), []);
  await scale(root, 'prod', 3, 4);
  assert.deepEqual(await found(root), [scaled]);
  await commit('four');
  await git('switch', '--quiet', '--force-create', 'main');
  assert.deepEqual(await found(root), []);
  await scale(root, 'prod', 4, 5);
  assert.deepEqual(await found(root), [scaled]);
});

test('an environment that is new changes as a whole, and of one that did not render nothing is known', async (t) => {
  const { root, git, commit } = await repository(t, (root) => freeze(root, always('audit', 'prod')));
  const broken = (from: string, to: string) => spoil(root, overlay, from, to);
  await broken('namespace: prod', 'namespace: prod\nnameSuffix: [');
  await commit('broken');
  await git('branch', '--force', 'main');
  await broken('\nnameSuffix: [', '');
  await scale(root, 'prod', 3, 4);
  assert.deepEqual(await found(root), []);
  await rm(path.join(root, 'overlays/prod'), { recursive: true });
  await commit('none');
  await git('branch', '--force', 'main');
  await git('checkout', '--quiet', 'HEAD~2', '--', 'overlays/prod');
  const [finding = '', ...more] = await found(root);
  assert.deepEqual(more, []);
  assert.match(finding, /this changes Cluster\/postgres in prod and \d+ more$/);
});

test('Argo CD is told of it: the project of the environment has the windows, and without freezes all is as before', async (t) => {
  const root = await copy(t);
  const kustomize = await findKustomize(() => {});
  const apps = async () => {
    const target = { role: 'apps', environment: '', dir: path.join(root, 'apps') } as const;
    const { objects, error } = await renderTarget(kustomize, target, new YamlFiles(root));
    assert.equal(error, undefined);
    return objects;
  };
  const windows = async () =>
    Object.fromEntries(
      (await apps())
        .filter(({ id }) => id.kind === 'AppProject')
        .map(({ id, value }) => [id.name, JSON.stringify(valueAt(value, ['spec', 'syncWindows']) ?? [])]),
    );
  const before = (await apps()).map(({ value }) => value);
  const weekends = always('weekends', 'staging', 'prod').replace('"* * * * *"', '"0 18 * * fri"');
  await writeFile(path.join(root, freezesFile), `freezes:\n${weekends}`);
  assert.deepEqual(await writeGenerated(root, () => {}), [frozenFile]);
  assert.deepEqual(await findingsOf(root), []);
  const { staging, prod, ...others } = await windows();
  assert.equal(
    prod,
    '[{"applications":["*"],"description":"weekends: the auditors look","duration":"24h","kind":"deny","manualSync":true,"schedule":"0 18 * * fri","timeZone":"UTC"}]',
  );
  assert.equal(staging, prod);
  assert.deepEqual(new Set(Object.values(others)), new Set(['[]']));
  await freeze(root);
  assert.deepEqual(
    (await apps()).map(({ value }) => value),
    before,
  );
});

test('sync windows that are not what the calendar says are found, and a project that they do not reach', async (t) => {
  const root = await copy(t);
  await writeFile(path.join(root, freezesFile), `freezes:\n${always('audit', 'prod')}`);
  const stale = async () =>
    (await findingsOf(root)).map(({ rule, file, line, message }) => [rule, file, line, message]);
  assert.deepEqual((await stale())[0], [
    'freeze-stale',
    frozenFile,
    undefined,
    `this is not what ${freezesFile} says`,
  ]);
  await writeFrozen(root);
  assert.deepEqual(await stale(), []);
  await spoil(root, 'apps/kustomization.yaml', '  - frozen\n', '');
  const line = await lineOf(root, 'apps/prod.yaml', 'environment: prod');
  assert.deepEqual(await stale(), [
    [
      'freeze-stale',
      'apps/prod.yaml',
      line,
      'the freezes of prod do not reach this project: it must have the label environment: prod, and apps/ list apps/frozen',
    ],
  ]);
  await rm(path.join(root, frozenFile));
  await rm(path.join(root, freezesFile));
  assert.deepEqual(await stale(), []);
});

/** What is found of a calendar at a time. */
async function report(text: string, now: string): Promise<string[]> {
  const read = parseFreezes(new YamlFile(freezesFile, text));
  assert.deepEqual(read.problems, []);
  const found = await freezesReport('/nowhere', read, ['staging', 'prod/eu'], new Date(now));
  return found.map(({ rule, line, message }) => `${rule}:${line} ${message}`);
}

const once = `freezes:
  - name: year-end
    environments: [prod]
    from: 2026-12-20T00:00:00Z
    to: 2027-01-04T06:00:00Z
    reason: nobody is there
`;

test('a freeze that comes once is found when it is over, and when Argo CD would hold it a year early', async () => {
  assert.deepEqual(await report(once, '2026-12-24T00:00:00Z'), []);
  assert.deepEqual(await report(once, '2027-01-04T06:00:00Z'), [
    'freeze-over:2 year-end was over at 2027-01-04T06:00:00Z: Argo CD would hold it again next year',
  ]);
  assert.deepEqual(await report(once, '2026-01-04T06:00:00Z'), []);
  assert.deepEqual(await report(once, '2026-01-04T05:59:59Z'), [
    'freeze-calendar:2 year-end is more than a year ahead: Argo CD knows no year, and would hold it until 2026-01-04T06:00:00Z already',
  ]);
});

test('an override is found when it is over, and when it ends more than a day ahead', async () => {
  const text = `${once}overrides:
  - freeze: year-end
    environment: prod
    owner: me
    reason: nobody can log in
    until: 2026-12-24T12:00:00Z
`;
  assert.deepEqual(await report(text, '2026-12-23T12:00:00Z'), []);
  assert.deepEqual(await report(text, '2026-12-23T11:59:59Z'), [
    'freeze-calendar:8 the override of year-end in prod ends 2026-12-24T12:00:00Z: at most 24 hours ahead',
  ]);
  assert.deepEqual(await report(text, '2026-12-24T12:00:00Z'), [
    'freeze-over:8 the override of year-end in prod was over at 2026-12-24T12:00:00Z: Argo CD still lets everything through',
  ]);
});

test('a freeze of what is no environment is found', async () => {
  assert.deepEqual(await report(once.replace('[prod]', '[prod, production]'), '2026-12-24T00:00:00Z'), [
    'freeze-calendar:2 year-end freezes production, and no environment is called so',
  ]);
});

test('a calendar that cannot be read is found, line by line', async (t) => {
  const root = await copy(t);
  await writeFile(
    path.join(root, freezesFile),
    `freezes:\n${always('audit', 'prod').replace('* * * * *', '* *')}    color: red\n`,
  );
  assert.deepEqual(
    (await findingsOf(root)).map(({ rule, file, line, message }) => `${rule} ${file}:${line} ${message}`),
    [`freeze-calendar ${freezesFile}:7 unknown field "freezes.0.color"`],
  );
});

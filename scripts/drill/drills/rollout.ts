import { setTimeout as sleep } from 'node:timers/promises';
import { readStatus } from '../../gitops/status.ts';
import { until } from '../../until.ts';
import type { Drill, Held } from '../drill.ts';
import type { Answer } from '../load.ts';
import type { Stage } from '../stage.ts';

const overlay = 'overlays/prod/kustomization.yaml';

/** Versions that must never take traffic: what is added to the Deployment, and what status says of it. */
const broken = [
  {
    what: 'crashes',
    patch:
      '- op: add\n        path: /spec/template/spec/containers/0/env/-\n        value: {name: DRAIN_TIMEOUT_MS, value: none}',
    says: /CrashLoopBackOff|Error/,
  },
  {
    what: 'is never ready',
    patch:
      '- op: replace\n        path: /spec/template/spec/containers/0/readinessProbe/httpGet/path\n        value: /nowhere',
    says: /not ready/,
  },
];

export const rollout: Drill = {
  name: 'rollout',
  environment: 'prod',
  cause: 'a new version is pushed, then one that crashes, then one that is never ready',
  holds: 'no request fails; what is broken never takes traffic, and status says what it is',
  usually: '90 s',
  run: async (stage, note, answers) => {
    const took = await rollOut(stage, note);
    const held: Held[] = [{ what: 'the new version replaces the old one', holds: true }];
    for (const version of broken) {
      held.push(...(await holdOff(stage, version, note, answers)));
    }
    return { figures: { 'push → new version alone': took }, held };
  },
};

async function rollOut(stage: Stage, note: (event: string) => void): Promise<number> {
  const before = new Set((await stage.pods('prod')).map(({ name }) => name));
  await patchDeployment(
    stage,
    '- op: add\n        path: /spec/template/metadata/annotations\n        value: {drill: rollout}',
  );
  const started = Date.now();
  await stage.clone.push('prod: a new version');
  note('pushed a new version');
  await until('three new pods alone', async () => {
    const pods = await stage.pods('prod');
    return pods.length >= 3 && pods.every(({ name, ready }) => ready && !before.has(name));
  });
  note('three new pods alone');
  return (Date.now() - started) / 1000;
}

async function holdOff(
  stage: Stage,
  { what, patch, says }: (typeof broken)[number],
  note: (event: string) => void,
  answers: readonly Answer[],
): Promise<Held[]> {
  const before = new Set((await stage.pods('prod')).map(({ name }) => name));
  await patchDeployment(stage, patch);
  await stage.clone.push(`prod: a version that ${what}`);
  note(`pushed a version that ${what}`);
  const added = async () => (await stage.pods('prod')).filter(({ name }) => !before.has(name));
  await until(`a pod of the version that ${what}`, async () => (await added()).length > 0);
  let told = false;
  await until(`status to tell that it ${what}`, async () => {
    const status = (await readStatus(stage.kubectl, [])).find(({ environment }) => environment === 'prod');
    told = status?.problems.some((problem) => says.test(problem)) === true;
    return told;
  });
  note(`status tells that it ${what}`);
  await sleep(3000);
  const names = new Set((await added()).map(({ name }) => name));
  const took = answers.filter(({ pod }) => names.has(pod)).length;
  const stood = (await stage.pods('prod')).filter(({ name, ready }) => before.has(name) && ready).length;
  await stage.clone.revert();
  note('taken back');
  await until('the version before alone', async () => (await added()).length === 0);
  return [
    { what: `a version that ${what} takes no traffic`, holds: took === 0 },
    { what: `three pods serve beside a version that ${what}`, holds: stood >= 3 },
    { what: `status says that it ${what}`, holds: told },
  ];
}

function patchDeployment({ clone }: Stage, operations: string): Promise<void> {
  const target = '  - target: {kind: Deployment, name: quote-app}\n    patch: |-\n      ';
  return clone.edit(overlay, 'patches:\n', `patches:\n${target}${operations}\n`);
}

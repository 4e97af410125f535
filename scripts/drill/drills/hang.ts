import { readStatus } from '../../gitops/status.ts';
import { until } from '../../until.ts';
import type { Drill } from '../drill.ts';
import type { Stage } from '../stage.ts';

export const hang: Drill = {
  name: 'hang',
  environment: 'prod',
  cause: 'the process of one of three pods is stopped, so that it answers nothing',
  holds: 'it is taken out of the Service, its livenessProbe has it started again, and no request fails',
  embeddedOnly: true,
  usually: '35 s',
  // Three times period and timeout of the livenessProbe in base/quote-app, and the grace period of a stopped process.
  goal: { figure: 'stopped → started again', seconds: 30 },
  elsewhere: { defaults: 'never: no probe' },
  run: async (stage, note) => {
    const victim = await stage.untouchedPod('prod');
    const restarts = () => stage.restarts('prod', victim.name);
    const before = await restarts();
    await stage.cluster.signalPod(victim.uid, 'SIGSTOP');
    const started = Date.now();
    const since = () => (Date.now() - started) / 1000;
    note(`stopped the process of ${victim.name}`);
    await until('the pod out of the Service', async () => {
      return (await stage.pods('prod')).some(({ name, ready }) => name === victim.name && !ready);
    });
    const out = since();
    note('it is out of the Service');
    await until('the container started again', async () => (await restarts()) !== before);
    const again = since();
    note('its container is started again');
    await until(
      'three ready pods',
      async () => (await stage.pods('prod')).filter(({ ready }) => ready).length >= 3,
    );
    note('three pods are ready again');
    return {
      figures: { 'stopped → out of the Service': out, 'stopped → started again': again },
      held: [{ what: 'liveness has it started again', holds: true }],
    };
  },
};

export const outOfMemory: Drill = {
  name: 'out-of-memory',
  environment: 'prod',
  cause: 'a push gives the service less memory than it needs',
  holds: 'the version before goes on serving, and status says that the new one ran out of memory',
  usually: '40 s',
  run: async (stage, note) => {
    const before = new Set((await stage.pods('prod')).map(({ name }) => name));
    const patch =
      '  - target: {kind: Deployment, name: quote-app}\n    patch: |-\n' +
      '      - op: replace\n        path: /spec/template/spec/containers/0/resources/requests/memory\n        value: 24Mi\n' +
      '      - op: replace\n        path: /spec/template/spec/containers/0/resources/limits/memory\n        value: 24Mi\n';
    await stage.clone.edit('overlays/prod/kustomization.yaml', 'patches:\n', `patches:\n${patch}`);
    await stage.clone.push('prod: too little memory');
    note('pushed a limit of 24 MiB');
    const told = await until('status to say so', () => saysOutOfMemory(stage));
    note('status says that it ran out of memory');
    const stand = (await stage.pods('prod')).filter(({ name, ready }) => before.has(name) && ready).length;
    return {
      figures: { 'pushed → told': told },
      held: [{ what: 'three pods of the version before serve', holds: stand >= 3 }],
    };
  },
};

async function saysOutOfMemory({ kubectl }: Stage): Promise<boolean> {
  const status = (await readStatus(kubectl, [])).find(({ environment }) => environment === 'prod');
  return status?.problems.some((problem) => problem.includes('OOMKilled')) === true;
}

import { freemem } from 'node:os';
import { CannotRun } from '../../cli.ts';
import { evictionMemory } from '../../cluster/node.ts';
import type { Kubectl } from '../../gitops/kubectl.ts';
import { readStatus } from '../../gitops/status.ts';
import { until } from '../../until.ts';
import type { Drill } from '../drill.ts';
import { nodeCondition } from '../stage.ts';

const name = 'memory-hog';

export const eviction: Drill = {
  name: 'eviction',
  environment: 'prod',
  cause: 'on a node with a pod of prod, a pod of dev uses up the memory, far beyond what it requested',
  holds: 'that pod is evicted and no other, status says why, and no request fails',
  embeddedOnly: true,
  usually: '60 s',
  run: async ({ kubectl, find, pods, onePod }, note) => {
    const { node } = await onePod('prod');
    const bytes = (await leftForPods(kubectl, node)) - evictionMemory / 2;
    if (freemem() < bytes + 2 * evictionMemory) {
      throw new CannotRun(`This machine has no ${Math.ceil(bytes / 2 ** 30)} GiB of memory free to use up.`);
    }
    const apps = ['quote-app', 'edge', 'postgres'];
    const ofProd = async () => (await Promise.all(apps.map((app) => pods('prod', app)))).flat();
    const before = (await ofProd()).map(({ uid }) => uid);
    try {
      await kubectl(['create', '--filename=-'], JSON.stringify(hog(node, bytes)));
      const started = Date.now();
      note(`a pod of dev begins to use up ${node}`);
      await until('the pod evicted', async () => (await evicted()) !== undefined);
      const took = (Date.now() - started) / 1000;
      note('it is evicted');
      const told = await evicted();
      note(`status: ${told}`);
      const after = (await ofProd()).map(({ uid }) => uid);
      return {
        figures: { 'begun → evicted': took },
        held: [
          {
            what: 'status says why, and how its record goes',
            holds: /low on resource.*delete pod/s.test(told ?? ''),
          },
          { what: 'no pod of prod went', holds: before.every((uid) => after.includes(uid)) },
        ],
      };
    } finally {
      await kubectl([
        'delete',
        'deployment',
        name,
        '--namespace=dev',
        '--ignore-not-found',
        '--cascade=foreground',
      ]);
      note('its Deployment is deleted, and every record with it');
      await until('the node free of memory pressure', () => free(node), 360);
      note(`${node} takes pods again`);
    }

    async function evicted(): Promise<string | undefined> {
      const status = (await readStatus(kubectl, [])).find(({ environment }) => environment === 'dev');
      return status?.problems.find(
        (problem) => problem.startsWith(`${name}-`) && problem.includes('Evicted'),
      );
    }

    async function free(node: string): Promise<boolean> {
      return (await nodeCondition({ find }, node, 'MemoryPressure')) === 'False';
    }
  },
};

/** How many bytes pods may still take on a node before the kernel kills one of them. */
async function leftForPods(kubectl: Kubectl, node: string): Promise<number> {
  type Summary = { node: { systemContainers: { name: string; memory: { availableBytes: number } }[] } };
  const summary = await kubectl(['get', '--raw', `/api/v1/nodes/${node}/proxy/stats/summary`]);
  const { systemContainers } = (JSON.parse(summary) as Summary).node;
  const pods = systemContainers.find(({ name }) => name === 'pods');
  if (pods === undefined) {
    throw new Error(`kubelet on ${node} does not say how much memory its pods have left`);
  }
  return pods.memory.availableBytes;
}

/** Zeros in the memory of `tail`, which waits for the end of a line; kept to every rule that holds in dev. */
function hog(node: string, bytes: number): object {
  const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'quotes' };
  const probe = (path: string) => ({ exec: { command: ['test', '-e', path] } });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'dev', labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: { 'app.kubernetes.io/name': name } },
      template: {
        metadata: { labels },
        spec: {
          priorityClassName: 'dev',
          nodeSelector: { 'kubernetes.io/hostname': node },
          automountServiceAccountToken: false,
          serviceAccountName: 'quote-app',
          terminationGracePeriodSeconds: 1,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65532,
            runAsGroup: 65532,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [
            {
              name: 'hog',
              image: 'docker.io/library/postgres:15-bookworm',
              command: ['sh', '-c', `head --bytes=${bytes} /dev/zero | tail | sleep 600`],
              startupProbe: probe('/'),
              livenessProbe: probe('/bin'),
              readinessProbe: probe('/etc'),
              resources: {
                requests: { cpu: '10m', memory: '64Mi', 'ephemeral-storage': '16Mi' },
                limits: { cpu: '1', memory: '4Gi', 'ephemeral-storage': '16Mi' },
              },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
            },
          ],
        },
      },
    },
  };
}

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { entranceAddress } from '../scripts/cluster/entrance/entrance.ts';
import { clusterLayout } from '../scripts/cluster/layout.ts';
import type { Environment } from '../scripts/environment.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import { until } from '../scripts/until.ts';
import { exchange } from '../service/test/raw-http.ts';
import { smugglingShapes } from '../service/test/smuggling-shapes.ts';

/** What prod's edge and service do with clients that mean harm. */
export function abuse(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  promise(
    'a client that asks more than its environment allows is told 429 while another is served, and no pod is started again',
    async (t) => {
      const on = rehearsal();
      // What is allowed everywhere is more than a busy machine can ask.
      await on.edit('overlays/dev/kustomization.yaml', 'patches:\n', `patches:\n${fewRequests}`);
      await on.push('dev: few requests of one client');
      // Whatever comes of it, or the promises after this one are told 429 too.
      t.after(async () => {
        await on.revert();
        await until('the edge as before', () => isAlone(on.kubectl, '6000'));
      });
      await until('the edge to allow no more', () => isAlone(on.kubectl, '300'));
      const before = await restarts(on.kubectl, 'dev');
      let flooding = true;
      const floods = Promise.all(Array.from({ length: 4 }, () => flood(on.cluster, 300)));
      void floods.finally(() => {
        flooding = false;
      });
      const served: number[] = [];
      while (flooding) {
        const answer = await fetch(`${on.urls.dev}/version`);
        await answer.text();
        served.push(answer.status);
        await sleep(100);
      }
      const told = Object.groupBy((await floods).flat(), (status) => status);
      const counts = Object.entries(told).map(([status, answers]) => `${answers?.length} times ${status}`);
      t.diagnostic(`1,200 requests: ${counts.join(', ')}; the other: ${served.length} times 200`);
      assert.deepEqual(Object.keys(told), ['200', '429']);
      assert.deepEqual(new Set(served), new Set([200]));
      assert.equal(await restarts(on.kubectl, 'dev'), before);
    },
  );

  promise('what two readers of HTTP may split differently is refused on the way to prod', async () => {
    const { urls, kubectl } = rehearsal();
    const before = await restarts(kubectl, 'prod');
    const port = Number(new URL(urls.prod).port);
    const shapes = [
      'Content-Length before Transfer-Encoding',
      'a coding that is almost chunked',
      'two lengths',
      'a negative chunk size',
      'a NUL in a name',
      'a space before a colon',
      'HTTP/0.9',
    ];
    for (const shape of shapes) {
      const { statuses, closed, text } = await exchange({ port }, smugglingShapes[shape] ?? '', 5000);
      assert.deepEqual([statuses, closed], [[400], true], `${shape}: ${text}`);
    }
    assert.equal(await restarts(kubectl, 'prod'), before);
  });
}

/** Asks dev's entrance from an address of its own: what comes by the gateway comes from the machine's. */
async function flood(cluster: string, times: number): Promise<number[]> {
  const url = `http://${entranceAddress('dev')}/livez?[1-${times}]`;
  const curl = ['curl', '--silent', '--max-time', '10', '--interface', '127.0.0.66'];
  const said = ['--output', '/dev/null', '--write-out', '%{http_code}\\n', url];
  const inside = ['netns', 'exec', clusterLayout(cluster).controlPlaneNamespace];
  const { stdout } = await execa('ip', [...inside, ...curl, ...said]);
  return stdout.split('\n').map(Number);
}

const fewRequests = `  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: edge
      spec:
        template:
          spec:
            containers:
              - name: haproxy
                env:
                  - name: REQUESTS_IN_10_SECONDS
                    value: "300"
`;

/** Whether dev has one edge and that allows so many requests: while it is replaced, there are two. */
async function isAlone(kubectl: Rehearsal['kubectl'], requests: string): Promise<boolean> {
  const allowed =
    '{range .items[*]}{.spec.containers[0].env[?(@.name=="REQUESTS_IN_10_SECONDS")].value} {end}';
  const edges = ['get', 'pods', '--namespace=dev', '--selector=app.kubernetes.io/name=edge'];
  return (await kubectl([...edges, `--output=jsonpath=${allowed}`])).trim() === requests;
}

/** How often an environment's containers were started again, altogether: the autoscaler may add pods meanwhile. */
async function restarts(kubectl: Rehearsal['kubectl'], environment: Environment): Promise<number> {
  const jsonpath = '{.items[*].status.containerStatuses[*].restartCount}';
  const counts = await kubectl([
    'get',
    'pods',
    `--namespace=${environment}`,
    `--output=jsonpath=${jsonpath}`,
  ]);
  return counts.split(' ').reduce((sum, count) => sum + Number(count), 0);
}

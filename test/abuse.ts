import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { execa } from 'execa';
import { entranceAddress } from '../scripts/cluster/entrance/entrance.ts';
import { clusterLayout } from '../scripts/cluster/layout.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import { exchange } from '../service/test/raw-http.ts';
import { smugglingShapes } from '../service/test/smuggling-shapes.ts';

/** What prod's edge and service do with clients that mean harm. */
export function abuse(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  promise(
    'a client that floods prod is told 429 while another is served, and no pod is started again',
    async (t) => {
      const { cluster, urls, kubectl } = rehearsal();
      const started = () => restarts(kubectl);
      const before = await started();
      let flooding = true;
      const floods = Promise.all(Array.from({ length: 4 }, () => flood(cluster, 5000)));
      void floods.finally(() => {
        flooding = false;
      });
      const served: number[] = [];
      while (flooding) {
        const answer = await fetch(`${urls.prod}/version`);
        await answer.text();
        served.push(answer.status);
      }
      const told = Object.groupBy((await floods).flat(), (status) => status);
      const counts = Object.entries(told).map(([status, answers]) => `${answers?.length} times ${status}`);
      t.diagnostic(`20,000 requests: ${counts.join(', ')}; the other: ${served.length} times 200`);
      assert.deepEqual(Object.keys(told), ['200', '429']);
      assert.deepEqual(new Set(served), new Set([200]));
      assert.equal(await restarts(kubectl), before);
    },
  );

  promise('what two readers of HTTP may split differently is refused on the way to prod', async () => {
    const { urls, kubectl } = rehearsal();
    const before = await restarts(kubectl);
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
    assert.equal(await restarts(kubectl), before);
  });
}

/** Asks prod's entrance from an address of its own: what comes by the gateway comes from the machine's. */
async function flood(cluster: string, times: number): Promise<number[]> {
  const url = `http://${entranceAddress('prod')}/livez?[1-${times}]`;
  const curl = ['curl', '--silent', '--max-time', '10', '--interface', '127.0.0.66'];
  const said = ['--output', '/dev/null', '--write-out', '%{http_code}\\n', url];
  const inside = ['netns', 'exec', clusterLayout(cluster).controlPlaneNamespace];
  const { stdout } = await execa('ip', [...inside, ...curl, ...said]);
  return stdout.split('\n').map(Number);
}

/** How often containers of prod were started again, altogether: the autoscaler may add pods meanwhile. */
async function restarts(kubectl: Rehearsal['kubectl']): Promise<number> {
  const jsonpath = '{.items[*].status.containerStatuses[*].restartCount}';
  const counts = await kubectl(['get', 'pods', '--namespace=prod', `--output=jsonpath=${jsonpath}`]);
  return counts.split(' ').reduce((sum, count) => sum + Number(count), 0);
}

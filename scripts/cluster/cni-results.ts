import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ClusterLayout } from './layout.ts';

/** Where libcni writes down each pod's network; no setting of containerd moves it below the cluster's own folders. */
const results = '/var/lib/cni/results';

/** Removes what was written down of the networks of this cluster's pods. */
export async function removeCniResults(layout: ClusterLayout): Promise<void> {
  const files = await readdir(results).catch(() => []);
  for (const file of files.filter((name) => name.startsWith('quotes-'))) {
    const text = await readFile(path.join(results, file), 'utf8').catch(() => '');
    const config = /"config": *"([^"]+)"/.exec(text)?.[1] ?? '';
    if (Buffer.from(config, 'base64').toString().includes(`${layout.state}/`)) {
      await rm(path.join(results, file), { force: true });
    }
  }
}

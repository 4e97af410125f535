import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from '../cluster/gateway/gateway.ts';
import type { ClusterLayout } from '../cluster/layout.ts';
import { ensureRunning, stopComponent, waitForComponent } from '../cluster/processes.ts';
import { repoRoot } from '../paths.ts';

const component = 'status-page';
const preferred = 7000;

/** Serves the status page of an embedded cluster from this clone, on last time's port where that is free; its URL. */
export async function serveStatusPage(layout: ClusterLayout): Promise<string> {
  const file = path.join(layout.state, 'status-page.json');
  const last = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as { port: number }) : undefined;
  // Anew each time: the clone may have been pulled, or be another one.
  await stopComponent(layout, component);
  const port = await freePort(last?.port ?? preferred);
  await writeFile(file, JSON.stringify({ port }));
  const script = path.join(repoRoot, 'scripts/status-page.ts');
  await ensureRunning(layout, {
    name: component,
    owner: 'control-plane',
    command: [process.execPath, script, '--name', layout.name, '--listen', `127.0.0.1:${port}`],
  });
  const url = `http://127.0.0.1:${port}/`;
  await waitForComponent(layout, component, () =>
    fetch(`${url}healthz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return url;
}

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { freePort, type Ports } from '../cluster/gateway/gateway.ts';
import type { ClusterLayout } from '../cluster/layout.ts';
import { writeKubeconfig } from '../cluster/pki.ts';
import { ensureRunning, ownCode, runningPid, waitForComponent } from '../cluster/processes.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import { repoRoot } from '../paths.ts';
import { statusPageKubeconfig } from '../status-page/kubeconfig.ts';

const component = 'status-page';
const preferred = 7000;

/**
 * Serves the status page of an embedded cluster from this clone, on last time's port where that is free; its URL. It
 * reads with rights of its own: those of status-page/rbac.yaml, and to the pods' metrics through the API server.
 */
export async function serveStatusPage(
  layout: ClusterLayout,
  kubectl: Kubectl,
  ports: Ports,
): Promise<string> {
  await kubectl.apply(await readersRights());
  await writeKubeconfig(
    layout,
    component,
    `https://127.0.0.1:${ports.kubernetes}`,
    statusPageKubeconfig(layout),
  );
  const last = await statusPagePort(layout);
  const isRunning = (await runningPid(layout, component)) !== undefined;
  const port = isRunning && last !== undefined ? last : await freePort(last ?? preferred);
  await writeFile(portFile(layout), JSON.stringify({ port }));
  const script = path.join(repoRoot, 'scripts/status-page.ts');
  await ensureRunning(layout, {
    name: component,
    owner: 'status-page',
    files: await ownCode(layout, component),
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

const portFile = (layout: ClusterLayout) => path.join(layout.state, 'status-page.json');

/** The port that the cluster's page was last given; undefined before its first. */
export async function statusPagePort(layout: ClusterLayout): Promise<number | undefined> {
  const file = portFile(layout);
  return existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as { port: number }).port : undefined;
}

/** The rights that the page has as a workload, for the user that it is here. */
async function readersRights(): Promise<object[]> {
  const text = await readFile(path.join(repoRoot, 'status-page/rbac.yaml'), 'utf8');
  const role = parseAllDocuments(text)
    .map((document) => document.toJS() as { kind: string; metadata: { name: string }; rules: object[] })
    .find(({ kind }) => kind === 'ClusterRole');
  const name = 'status-page-outside';
  const apiGroup = 'rbac.authorization.k8s.io';
  const metrics = { apiGroups: [''], resources: ['pods/proxy'], verbs: ['get'] };
  return [
    { ...role, metadata: { name }, rules: [...(role?.rules ?? []), metrics] },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup, kind: 'ClusterRole', name },
      subjects: [{ apiGroup, kind: 'User', name: component }],
    },
  ];
}

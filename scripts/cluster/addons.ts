import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { stringify } from 'yaml';
import type { Kubectl } from '../gitops/kubectl.ts';
import { goTools } from '../tools/go.ts';
import { moduleDir } from '../tools/go-modules.ts';
import type { ClusterLayout } from './layout.ts';

/** Applies what every cluster brings by itself: DNS, storage on the node's disk, resource metrics, the object store's name. */
export async function applyAddons(layout: ClusterLayout, kubectl: Kubectl): Promise<void> {
  const staging = await mkdtemp(path.join(tmpdir(), 'quotes-addons-'));
  try {
    await cp(path.join(import.meta.dirname, 'addons'), staging, { recursive: true });
    await stageLocalPath(layout, path.join(staging, 'local-path'));
    await cp(
      path.join(await moduleDir('cluster', 'sigs.k8s.io/metrics-server'), 'manifests/base'),
      path.join(staging, 'metrics-server/upstream'),
      { recursive: true },
    );
    const kustomize = path.join(await goTools('check'), 'kustomize');
    for (const addon of ['pod-security', 'coredns', 'local-path', 'metrics-server', 'object-store']) {
      await kubectl.apply((await execa(kustomize, ['build', path.join(staging, addon)])).stdout);
    }
  } finally {
    await rm(staging, { recursive: true });
  }
}

async function stageLocalPath(layout: ClusterLayout, folder: string): Promise<void> {
  const module = await moduleDir('local-path', 'github.com/rancher/local-path-provisioner');
  await cp(path.join(module, 'deploy/local-path-storage.yaml'), path.join(folder, 'upstream.yaml'));
  const volumes = layout.nodes.map((node) => ({
    node: node.name,
    paths: [path.join(node.state, 'volumes')],
  }));
  for (const { paths } of volumes) {
    await mkdir(paths[0] ?? '', { recursive: true });
  }
  const patch = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'local-path-config', namespace: 'local-path-storage' },
    data: { 'config.json': JSON.stringify({ nodePathMap: volumes }) },
  };
  await writeFile(path.join(folder, 'paths.yaml'), stringify(patch));
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { parseAllDocuments } from 'yaml';
import { stageArgocd } from '../argocd-manifest.ts';
import { repoRoot } from '../paths.ts';
import type { Kubectl } from './kubectl.ts';

/** Installs Argo CD as argocd/ says, or brings an installed one to that. Does not wait for its pods. */
export async function installArgocd(kubectl: Kubectl, kustomize: string): Promise<void> {
  const objects = await renderArgocd(kustomize);
  const isDefinition = (object: { kind: string }) =>
    ['CustomResourceDefinition', 'Namespace'].includes(object.kind);
  await kubectl.apply(objects.filter(isDefinition));
  // An AppProject can only be applied once the API server serves its kind.
  await kubectl(['wait', '--for=condition=Established', '--timeout=60s', 'crd/appprojects.argoproj.io']);
  await kubectl(['wait', '--for=condition=Established', '--timeout=60s', 'crd/applications.argoproj.io']);
  await kubectl.apply(objects.filter((object) => !isDefinition(object)));
}

async function renderArgocd(kustomize: string): Promise<{ kind: string }[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-argocd-'));
  try {
    await stageArgocd(path.join(repoRoot, 'argocd'), folder);
    const build = await execa(kustomize, ['build', folder], { maxBuffer: 100_000_000 });
    return parseAllDocuments(build.stdout).map((document) => document.toJS() as { kind: string });
  } finally {
    await rm(folder, { recursive: true });
  }
}

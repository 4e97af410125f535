import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { parseAllDocuments } from 'yaml';
import { stageArgocd } from '../argocd-manifest.ts';
import { repoRoot } from '../paths.ts';
import type { Kubectl } from './kubectl.ts';
import { ensureRedisSecret } from './secrets.ts';

/** Installs Argo CD as argocd/ says, or brings an installed one to that. Does not wait for its pods. */
export async function installArgocd(kubectl: Kubectl, kustomize: string): Promise<void> {
  const objects = await renderArgocd(kustomize);
  const isDefinition = (object: { kind: string }) =>
    ['CustomResourceDefinition', 'Namespace'].includes(object.kind);
  await kubectl.apply(objects.filter(isDefinition));
  await served(kubectl, 'appprojects.argoproj.io');
  await served(kubectl, 'applications.argoproj.io');
  await ensureRedisSecret(kubectl);
  await kubectl.apply(objects.filter((object) => !isDefinition(object)));
}

/** An object can only be applied once the API server serves its kind, a moment after the definition is there. */
async function served(kubectl: Kubectl, kind: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await kubectl(['get', kind, '--namespace=argocd']);
      return;
    } catch (error) {
      if (attempt === 100) {
        throw error;
      }
      await sleep(200);
    }
  }
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

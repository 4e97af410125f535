import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { repoRoot } from '../paths.ts';
import { stageUpstream } from '../upstream-manifests.ts';
import type { Kubectl } from './kubectl.ts';
import { ensureRedisSecret } from './secrets.ts';

/** Files that change what argocd/ says, and files of objects beside it. */
interface Additions {
  patches: string[];
  resources: string[];
}

/** The manifests of Argo CD as argocd/ and the additions say, one YAML document each. */
export async function renderArgocd(kustomize: string, additions?: Additions): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-argocd-'));
  try {
    await stageUpstream(path.join(repoRoot, 'argocd'), folder);
    const add = async (source: string, ...how: string[]) => {
      const file = path.basename(source);
      await copyFile(source, path.join(folder, file));
      await execa(kustomize, ['edit', 'add', ...how, file], { cwd: folder });
    };
    for (const patch of additions?.patches ?? []) {
      await add(patch, 'patch', '--path');
    }
    for (const resource of additions?.resources ?? []) {
      await add(resource, 'resource');
    }
    const build = await execa(kustomize, ['build', folder], { maxBuffer: 100_000_000 });
    // Two megabytes: split as text, parsing them takes longer than applying them.
    return build.stdout.split(/^---$/m);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Installs the rendered Argo CD, or brings an installed one to that. Does not wait for its pods. */
export async function installArgocd(kubectl: Kubectl, manifests: string[]): Promise<void> {
  const isDefinition = (manifest: string) => /^kind: (CustomResourceDefinition|Namespace)$/m.test(manifest);
  await kubectl.apply(manifests.filter(isDefinition).join('---\n'));
  await served(kubectl, 'appprojects.argoproj.io');
  await served(kubectl, 'applications.argoproj.io');
  await ensureRedisSecret(kubectl);
  // Upstream's kind of it, and ours until November 2026: two controllers would work on everything.
  await kubectl([
    'delete',
    'statefulset/argocd-application-controller',
    '--namespace=argocd',
    '--ignore-not-found',
  ]);
  await kubectl.apply(manifests.filter((manifest) => !isDefinition(manifest)).join('---\n'));
  await takeRightsAway(kubectl);
}

/** What upstream gives, and we did until November 2026: every right in the cluster, and the first admin's password. */
async function takeRightsAway(kubectl: Kubectl): Promise<void> {
  const names = ['application-controller', 'applicationset-controller', 'server'];
  const roles = names.flatMap((name) =>
    ['clusterrolebinding', 'clusterrole'].map((kind) => `${kind}/argocd-${name}`),
  );
  await kubectl(['delete', ...roles, '--ignore-not-found']);
  const rest = ['applicationset-controller', 'dex-server', 'redis'].flatMap((name) => [
    `rolebinding/argocd-${name}`,
    `role/argocd-${name}`,
  ]);
  const password = 'secret/argocd-initial-admin-secret';
  await kubectl(['delete', ...rest, password, '--namespace=argocd', '--ignore-not-found']);
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

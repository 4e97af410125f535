import { createHmac } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import https from 'node:https';
import path from 'node:path';
import { execa } from 'execa';
import { imageOverrides, type RegistryImage, registryHolds } from '../../gitops/image-overrides.ts';
import type { Kubectl } from '../../gitops/kubectl.ts';
import { liveRoot, overriddenEnvironments, updateOverrides } from '../../gitops/root-application.ts';
import type { Api } from '../../watch/api.ts';
import { addresses, type ClusterLayout, inClusterRepository } from '../layout.ts';
import { followUp } from './follow-up.ts';

/** What a push to main changed. */
export interface Push {
  repository: string;
  before: string | undefined;
  after: string;
}

/** The file with the secret that signs webhooks. */
export const webhookSecretFile = (layout: ClusterLayout) => path.join(layout.state, 'webhook-secret');

/** The file that names the image built from the checkout. */
export const checkoutImageFile = (layout: ClusterLayout) => path.join(layout.state, 'checkout-image.json');

let newest = new AbortController();

/** What the pushes changed of which it was not looked yet whether Argo CD saw them. */
const unseen = new Set<string>();

/**
 * Lets go of image overrides that the new commit makes needless, tells Argo CD of the push and, in the background,
 * sees to it that it listened. Failures are logged and not thrown: the push itself has succeeded.
 */
export async function afterPush(
  layout: ClusterLayout,
  kubectl: Kubectl,
  api: Api,
  push: Push,
  log: (text: string) => void,
): Promise<void> {
  newest.abort();
  newest = new AbortController();
  const superseded = newest.signal;
  try {
    if (existsSync(checkoutImageFile(layout))) {
      const checkout = JSON.parse(await readFile(checkoutImageFile(layout), 'utf8')) as RegistryImage;
      const holds = registryHolds(addresses.registry);
      const root = await liveRoot(api);
      const inForce = overriddenEnvironments(root);
      const overrides = await imageOverrides(push.repository, push.after, checkout, holds, inForce);
      if (await updateOverrides(kubectl, root, overrides)) {
        log(`image overrides are now ${JSON.stringify(overrides)}`);
      }
    }
  } catch (error) {
    log(`image overrides: ${(error as Error).message}`);
  }
  try {
    const changed = await changedFiles(push);
    for (const file of Object.values(changed).flat()) unseen.add(file);
    await sendWebhook(layout, push, changed);
    log(`told Argo CD of ${push.after}`);
  } catch (error) {
    log(`webhook: ${(error as Error).message}; Argo CD is asked in another way within seconds`);
  }
  const changed = push.before === undefined ? undefined : unseen;
  followUp(kubectl, push.after, changed, superseded, log).catch(() => {}); // a newer push took over
}

async function sendWebhook(layout: ClusterLayout, push: Push, changed: ChangedFiles): Promise<void> {
  const body = JSON.stringify({
    ref: 'refs/heads/main',
    // No "before": with it Argo CD moves what it has rendered of an Application that the push does not concern to the new
    // commit at once, and not at the follow-up, and renders root anew at the old one as soon as a child's health changes.
    after: push.after,
    repository: { html_url: inClusterRepository.replace(/\.git$/, ''), default_branch: 'main' },
    commits: [{ id: push.after, ...changed }],
  });
  const secret = (await readFile(webhookSecretFile(layout), 'utf8')).trim();
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const resolver = new Resolver({ timeout: 500, tries: 3 });
  resolver.setServers([addresses.dnsService]);
  const [host = ''] = await resolver.resolve4('argocd-server.argocd.svc.cluster.local');
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const request = https.request({
    host,
    path: '/api/webhook',
    method: 'POST',
    timeout: 5000,
    // Its certificate is self-signed; what proves the sender is the signature, and nothing secret is sent.
    rejectUnauthorized: false,
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-hub-signature-256': `sha256=${signature}`,
    },
  });
  request.on('response', (response) => {
    response.resume();
    if (response.statusCode === 200) {
      resolve();
    } else {
      reject(new Error(`Argo CD answered ${response.statusCode}`));
    }
  });
  request.on('timeout', () => request.destroy(new Error('Argo CD did not answer within 5 s')));
  request.on('error', reject);
  request.end(body);
  await promise;
}

/** As GitHub lists them. None, after a first push, makes Argo CD refresh everything. */
type ChangedFiles = Record<'added' | 'modified' | 'removed', string[]>;

async function changedFiles({ repository, before, after }: Push): Promise<ChangedFiles> {
  const files: ChangedFiles = { added: [], modified: [], removed: [] };
  if (before === undefined) {
    return files;
  }
  const diff = ['diff', '--name-status', '--no-renames', '-z', before, after];
  const { stdout } = await execa('git', ['-C', repository, ...diff]);
  const fields = stdout.split('\0');
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const kind = fields[index] === 'A' ? 'added' : fields[index] === 'D' ? 'removed' : 'modified';
    files[kind].push(fields[index + 1] ?? '');
  }
  return files;
}

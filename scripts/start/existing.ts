import path from 'node:path';
import { execa } from 'execa';
import { CannotRun } from '../cli.ts';
import { installArgocd, renderArgocd } from '../gitops/argocd.ts';
import { kubectlFor } from '../gitops/kubectl.ts';
import { applyRoot } from '../gitops/root-application.ts';
import { ensureBackupSecrets, ensureDatabaseSecrets, ensureWebhookSecret } from '../gitops/secrets.ts';
import { repoRoot } from '../paths.ts';
import { runPlan } from '../progress.ts';
import { goTools } from '../tools/go.ts';
import { untilAllWell } from './deploy.ts';

/** Installs Argo CD and the root Application on a cluster that exists; it deploys from the clone's `origin`. */
export async function startOnContext(context: string, json: boolean): Promise<void> {
  const origin = await originUrl();
  const kubectl = await kubectlFor({ context });
  const kustomize = path.join(await goTools('check'), 'kustomize');
  await runPlan([
    {
      title: `Argo CD on "${context}"`,
      usually: '10 s',
      run: async () => {
        await installArgocd(kubectl, await renderArgocd(kustomize));
        await ensureDatabaseSecrets(kubectl);
        await ensureBackupSecrets(kubectl, undefined);
        await ensureWebhookSecret(kubectl);
      },
    },
    {
      title: `the root Application, from ${origin}`,
      usually: '2 s',
      run: () => applyRoot(kubectl, kustomize, origin, {}),
    },
    {
      title: 'dev, staging and prod',
      usually: '1 to 3 min',
      run: (report) => untilAllWell(kubectl, [repoRoot], 600, report),
    },
  ]);
  const key = await kubectl.field('prod', 'secret/backup-credentials', '{.metadata.name}');
  process.stdout.write(
    json
      ? `${JSON.stringify({ name: context, remote: 'origin', repository: origin })}\n`
      : `\nArgo CD deploys ${origin} to "${context}". "npm run status -- --context ${context}" says what runs.\n` +
          'For deployments within seconds, give the repository a webhook to argocd-server, /api/webhook, with the\n' +
          'secret in argocd-secret, webhook.github.secret; without one Argo CD asks every two to three minutes.\n' +
          (key === '' ? noBackups : ''),
  );
}

const noBackups = `
prod has no backups, and its volumes fill with what would go there: give it the key of its bucket with
"kubectl create secret generic backup-credentials --namespace=prod --from-literal=ACCESS_KEY_ID=...
--from-literal=ACCESS_SECRET_KEY=...", and name the bucket in overlays/prod/postgres.yaml.
`;

async function originUrl(): Promise<string> {
  const result = await execa('git', ['-C', repoRoot, 'remote', 'get-url', 'origin'], { reject: false });
  if (result.failed) {
    throw new CannotRun(
      'This clone has no remote "origin" for Argo CD to deploy from: "git remote add origin URL".',
    );
  }
  if (!/^(https?:\/\/|ssh:\/\/|[^/]+@[^/]+:)/.test(result.stdout)) {
    throw new CannotRun(
      `origin is ${result.stdout}: Argo CD needs a URL over http(s) or ssh that the cluster reaches.`,
    );
  }
  return result.stdout;
}

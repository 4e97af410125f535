import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { embeddedCluster } from '../cluster/cluster.ts';
import type { Ports } from '../cluster/gateway/gateway.ts';
import { checkoutImageFile, webhookSecretFile } from '../cluster/git-server/after-push.ts';
import { toldHerePatch } from '../cluster/git-server/commit-statuses.ts';
import { addRemote, headOfMain, reachedHere, repositoryFolder } from '../cluster/git-server/git-server.ts';
import { clusterLayout, defaultClusterName, inClusterRepository } from '../cluster/layout.ts';
import { objectStoreKey } from '../cluster/object-store.ts';
import { writeSecret } from '../cluster/pki.ts';
import { mirrorPatch } from '../cluster/upstream-mirror/upstream-mirror.ts';
import { buildAppImage } from '../gitops/app-image.ts';
import { installArgocd, renderArgocd } from '../gitops/argocd.ts';
import { imageOverrides, type RegistryImage, registryHolds } from '../gitops/image-overrides.ts';
import { type Kubectl, kubectlFor } from '../gitops/kubectl.ts';
import { applyRoot, liveRoot, overriddenEnvironments } from '../gitops/root-application.ts';
import { ensureBackupSecrets, ensureDatabaseSecrets, ensureWebhookSecret } from '../gitops/secrets.ts';
import { runPlan, type Step } from '../progress.ts';
import { goTools } from '../tools/go.ts';
import { apiOf } from '../watch/api.ts';
import { untilAllWell, untilCompared } from './deploy.ts';
import { prepare } from './preparation.ts';
import { serveStatusPage } from './status-page.ts';

/** Starts the cluster of that name and deploys this clone to it. */
export async function startEmbedded(name: string, json: boolean): Promise<void> {
  const cluster = embeddedCluster(name);
  const layout = clusterLayout(name);
  await prepare();
  const running = Promise.withResolvers<Ports>();
  const deploying = async (): Promise<{ ports: Ports; kubectl: Kubectl }> => ({
    ports: await running.promise,
    kubectl: await kubectlFor({ kubeconfig: cluster.kubeconfig }),
  });
  const image = Promise.withResolvers<RegistryImage>();
  const page = Promise.withResolvers<string>();
  const kustomize = path.join(await goTools('check'), 'kustomize');
  const argocdManifests = renderArgocd(kustomize, {
    patches: [mirrorPatch, toldHerePatch],
    resources: [reachedHere],
  });
  argocdManifests.catch(() => {}); // told of where it is awaited
  const kubernetes: Step = {
    title: `Kubernetes "${name}"`,
    usually: '10 s',
    run: async (report) => {
      try {
        running.resolve(await cluster.start(report));
      } catch (error) {
        running.reject(error);
        throw error;
      }
    },
  };
  const argocd: Step = {
    title: 'Argo CD',
    usually: '6 s',
    run: async () => {
      const { kubectl } = await deploying();
      await installArgocd(kubectl, await argocdManifests);
      await ensureDatabaseSecrets(kubectl);
      await ensureBackupSecrets(kubectl, await objectStoreKey(layout));
      await writeSecret(webhookSecretFile(layout), await ensureWebhookSecret(kubectl));
    },
  };
  const checkout: Step = {
    title: 'quote-app from this checkout',
    usually: '5 s, 25 s the first time',
    run: async () => {
      const built = await buildAppImage();
      await running.promise;
      const digest = await cluster.loadImage(built);
      image.resolve({ image: built.replace(/:[^:/]+$/, ''), digest });
    },
  };
  await runPlan([
    [[kubernetes, argocd], [checkout]],
    {
      title: 'the root Application',
      usually: '2 s',
      run: async () => {
        const { ports, kubectl } = await deploying();
        const checkout = await image.promise;
        await writeFile(checkoutImageFile(layout), JSON.stringify(checkout));
        const repository = repositoryFolder(layout);
        const commit = await headOfMain(layout);
        const holds = registryHolds(`127.0.0.1:${ports.registry}`);
        const inForce = overriddenEnvironments(await liveRoot(apiOf({ kubeconfig: cluster.kubeconfig })));
        const overrides = await imageOverrides(repository, commit, checkout, holds, inForce);
        await applyRoot(kubectl, kustomize, inClusterRepository, overrides);
      },
    },
    {
      title: 'the status page',
      usually: '2 s',
      run: async () => {
        const { kubectl, ports } = await deploying();
        page.resolve(await serveStatusPage(layout, kubectl, ports));
      },
    },
    {
      title: 'dev, staging and prod',
      usually: '35 s, 2 min the first time',
      run: async (report) => {
        const { kubectl } = await deploying();
        await untilCompared(kubectl, report);
        await untilAllWell(kubectl, [repositoryFolder(layout)], 300, report);
      },
    },
  ]);
  const { ports } = await deploying();
  const remote = await addRemote(layout, ports.git);
  const started = summary(name, cluster.kubeconfig, remote, ports, await page.promise);
  process.stdout.write(json ? `${JSON.stringify(started)}\n` : farewell(started));
}

function summary(name: string, kubeconfig: string, remote: string, ports: Ports, statusPage: string) {
  const url = (port: number) => `http://127.0.0.1:${port}`;
  return {
    name,
    urls: {
      dev: url(ports.dev),
      staging: url(ports.staging),
      prod: url(ports.prod),
      statusPage,
      argocd: `https://127.0.0.1:${ports.argocd}`,
      registry: url(ports.registry),
      git: `${url(ports.git)}/quotes.git`,
    },
    remote,
    kubeconfig,
  };
}

function farewell({ name, urls, remote, kubeconfig }: ReturnType<typeof summary>): string {
  // Every command means the cluster of this variable.
  const npm = name === defaultClusterName ? 'npm' : `QUOTES_CLUSTER=${name} npm`;
  return `
status     ${urls.statusPage}
dev        ${urls.dev}
staging    ${urls.staging}
prod       ${urls.prod}
Argo CD    ${urls.argocd} (its API; upstream's page is not in the Go module)
registry   ${urls.registry}
git        ${urls.git} (remote "${remote}" of this clone)
kubeconfig ${kubeconfig}

Next, try:
  ${npm} run status                        what each environment runs
  edit overlays/dev/kustomization.yaml  set the count of replicas to 2, then
  git commit -am "dev: two replicas" && git push ${remote} HEAD:main && ${npm} run status -- --watch
  ${npm} run kubectl -- delete deployment quote-app --namespace=prod    and see it healed
  ${npm} stop                              end it all; data stay
`;
}

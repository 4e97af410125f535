import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { TestContext } from 'node:test';
import { clusterLayout } from '../scripts/cluster/layout.ts';
import { signingKey } from '../scripts/cluster/signing-key.ts';
import { appImageName } from '../scripts/gitops/app-image.ts';
import { isFine } from '../scripts/gitops/status.ts';
import { pushArtifact } from '../scripts/images/artifact.ts';
import { imageSignature } from '../scripts/images/signature.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import { pinDigest } from '../scripts/release/pin.ts';
import { until } from '../scripts/until.ts';

/** What nodes ask of an image before they pull it; that they run what was signed, every other promise shows. */
export function signedImages(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  promise(
    'an image of quote-app that nobody signed is run by no node, status says why, and what ran goes on',
    async (t) => {
      const on = rehearsal();
      const { digest } = await unsigned(on);
      await pinDigest(on.clone, 'dev', digest);
      await on.push('dev: an image that nobody signed');
      const refused = await until('the node to refuse it', async () =>
        (await on.status('dev')).problems.some((problem) =>
          problem.endsWith(`@${digest}: npm run image and npm run release sign what they build`),
        ),
      );
      t.diagnostic(`push → refused, as status tells it: ${refused} s`);
      const { problems, replicas } = await on.status('dev');
      assert.match(problems.join('\n'), /^quote-app-\S+: its image is not run: nobody signed ghcr\.io\//m);
      assert.equal(replicas.ready, 1);
      assert.ok((await fetch(`${on.urls.dev}/version`)).ok);
      await on.revert();
      await until('dev as before', async () => isFine(await on.status('dev')));
    },
  );

  promise('a signature counts when it is by the cluster’s key, whatever is run by it', async () => {
    const on = rehearsal();
    const { repository, digest } = await unsigned(on);
    const sign = (key: KeyObject) =>
      pushArtifact(on.urls.registry, repository, imageSignature(repository, digest, key));
    const pods = ['signed-by-another', 'signed-by-the-cluster'];
    const start = (name: string) => {
      const container = { name: 'node', image: `${repository}@${digest}`, command: ['node', '--version'] };
      const allowed = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
      return on.kubectl.apply([
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name, namespace: 'default' },
          spec: {
            restartPolicy: 'Never',
            automountServiceAccountToken: false,
            securityContext: {
              runAsNonRoot: true,
              runAsUser: 1000,
              seccompProfile: { type: 'RuntimeDefault' },
            },
            containers: [{ ...container, securityContext: allowed }],
          },
        },
      ]);
    };
    const says = (name: string) =>
      on.field(
        'default',
        `pod/${name}`,
        '{.status.phase}{.status.containerStatuses[0].state.waiting.message}',
      );
    try {
      await sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
      await start('signed-by-another');
      await until('it to be refused', async () => (await says('signed-by-another')).includes('verifier'));
      assert.match(
        await says('signed-by-another'),
        /^Pending.*none of the signatures of \S+ is by the cluster's key/,
      );
      await sign(await signingKey(clusterLayout(on.cluster)));
      await start('signed-by-the-cluster');
      await until('it to have run', async () => (await says('signed-by-the-cluster')) === 'Succeeded');
    } finally {
      await on.kubectl(['delete', '--ignore-not-found', '--now', 'pods', ...pods]);
    }
  });
}

/** An image under the service's name that nobody signed: the layers that it stands on, with which a cluster begins. */
async function unsigned(on: Rehearsal): Promise<{ repository: string; digest: string }> {
  const repository = await appImageName();
  const accept = 'application/vnd.oci.image.manifest.v1+json';
  const answer = await fetch(`${on.urls.registry}/v2/${repository}/manifests/base`, {
    method: 'HEAD',
    headers: { accept },
  });
  return { repository, digest: answer.headers.get('docker-content-digest') ?? '' };
}

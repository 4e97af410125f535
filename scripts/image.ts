import { run } from './cli.ts';
import { embeddedCluster } from './cluster/cluster.ts';
import { defaultClusterName } from './cluster/layout.ts';
import { clusterReference } from './cluster-reference.ts';
import { environmentNamed } from './environment.ts';
import { buildAppImage } from './gitops/app-image.ts';
import { repoRoot } from './paths.ts';
import { pinDigest } from './release/pin.ts';

const help = `
Usage: npm run image -- [--write ENVIRONMENT] [--name NAME] [--json]

Builds the checkout's service and gives the image to the cluster's registry. Prints its name and digest.

  --write ENVIRONMENT  pin that environment's overlay to the digest; commit and push it to deploy
  --name NAME          the cluster of that name (default: ${defaultClusterName})
  --json               {"image", "digest", "file"} instead of text
`;

await run(
  {
    help,
    options: { write: { type: 'string' }, name: { type: 'string' }, json: { type: 'boolean' } },
  },
  async ({ write, name = defaultClusterName, json }) => {
    const environment = write === undefined ? undefined : environmentNamed(write, '--write');
    // Before the build: without a cluster there is no registry to give it to.
    clusterReference({ name });
    process.stderr.write('building quote-app (usually 5 to 20 s)\n');
    const image = await buildAppImage();
    const digest = await embeddedCluster(name).loadImage(image);
    const file = environment === undefined ? undefined : await pinDigest(repoRoot, environment, digest);
    process.stdout.write(
      json === true
        ? `${JSON.stringify({ image, digest, file })}\n`
        : `${image}@${digest}\n${file === undefined ? '' : `${file} pins it now: commit and push.\n`}`,
    );
    return 0;
  },
);

import { CannotRun, run } from './cli.ts';
import { embeddedCluster } from './cluster/cluster.ts';
import { defaultClusterName } from './cluster/layout.ts';
import { clusterReference } from './cluster-reference.ts';
import { environmentNamed } from './environment.ts';
import { appName, buildAppImage, buildPageImage } from './gitops/app-image.ts';
import { repoRoot } from './paths.ts';
import { pinDigest, pinPage } from './release/pin.ts';

const help = `
Usage: npm run image -- [--write ENVIRONMENT] [--name NAME] [--json]
       npm run image -- --page [--write status-page] [--name NAME] [--json]

Builds the checkout's service and gives the image to the cluster's registry. Prints its name and digest.

  --page               the status page's image instead of the service's
  --write ENVIRONMENT  pin that environment's overlay to the digest, or status-page/; commit and push it to deploy
  --name NAME          the cluster of that name (default: ${defaultClusterName})
  --json               {"image", "digest", "file"} instead of text
`;

await run(
  {
    help,
    options: {
      page: { type: 'boolean' },
      write: { type: 'string' },
      name: { type: 'string' },
      json: { type: 'boolean' },
    },
  },
  async ({ page = false, write, name = defaultClusterName, json }) => {
    const pin = pinner(page, write);
    // Before the build: without a cluster there is no registry to give it to.
    clusterReference({ name });
    process.stderr.write(`building ${page ? 'the status page' : appName} (usually 5 to 20 s)\n`);
    const image = await (page ? buildPageImage() : buildAppImage());
    const digest = await embeddedCluster(name).loadImage(image);
    const file = await pin(digest);
    process.stdout.write(
      json === true
        ? `${JSON.stringify({ image, digest, file })}\n`
        : `${image}@${digest}\n${file === undefined ? '' : `${file} pins it now: commit and push.\n`}`,
    );
    return 0;
  },
);

/** What pins a digest; the file it pins it in, undefined where nothing is to be written. */
function pinner(page: boolean, write: string | undefined): (digest: string) => Promise<string | undefined> {
  if (write === undefined) {
    return async () => undefined;
  }
  if (page) {
    if (write !== 'status-page') {
      throw new CannotRun(`--write ${write}: the status page's image is pinned in status-page alone.`);
    }
    return (digest) => pinPage(repoRoot, digest);
  }
  const environment = environmentNamed(write, '--write');
  return (digest) => pinDigest(repoRoot, environment, digest);
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import { embeddedCluster } from '../cluster/cluster.ts';
import { readPorts } from '../cluster/gateway/gateway.ts';
import { clusterLayout } from '../cluster/layout.ts';
import { clusterReference } from '../cluster-reference.ts';
import { environments } from '../environment.ts';
import { appImageName, appName, buildAppImage, type Revision } from '../gitops/app-image.ts';
import { buildImage, imageDigest, publishImage } from '../images/buildah.ts';
import type { Proposal } from './commit.ts';
import { pinFile, withDigest } from './pin.ts';
import { releaseFile, withRevision } from './release-settings.ts';
import { sbomOf } from './sbom.ts';
import { fileAt } from './versions.ts';

/** An image in the local store, and what is in it. */
export type Built = { image: string; digest: string; sbom: string; sbomImage: string };

/** Builds the image of a revision, and one that has its SBOM and nothing else. @throws {ImageError} */
export async function buildRelease(revision: Revision, cache: boolean): Promise<Built> {
  const image = await buildAppImage(revision.commit, cache);
  const digest = await imageDigest(image);
  const sbom = await sbomOf({ image, digest, revision: revision.commit, time: revision.time });
  // As cosign names what belongs to a digest: who has the digest finds it.
  const sbomImage = `${await appImageName()}:${digest.replace(':', '-')}.sbom`;
  const context = await mkdtemp(path.join(tmpdir(), 'quotes-sbom-'));
  try {
    await writeFile(path.join(context, 'sbom.cdx.json'), sbom);
    const dockerfile = path.join(context, 'Dockerfile');
    await writeFile(dockerfile, 'FROM scratch\nCOPY sbom.cdx.json /\n');
    await buildImage({ image: sbomImage, dockerfile, context, timestamp: revision.time });
  } finally {
    await rm(context, { recursive: true });
  }
  return { image, digest, sbom, sbomImage };
}

/** @throws {CannotRun} when the embedded cluster of that name has no registry that answers */
export async function requireRegistry(cluster: string): Promise<void> {
  clusterReference({ name: cluster });
  const ports = await readPorts(clusterLayout(cluster));
  const answer = await fetch(`http://127.0.0.1:${ports?.registry}/v2/`).catch(() => undefined);
  if (answer?.ok !== true) {
    throw new CannotRun(
      `The cluster "${cluster}" does not run: start it with "npm start", or say --registry to push to the real one.`,
    );
  }
}

/**
 * Pushes image and SBOM: to the registry of the embedded cluster of that name, or undefined for the registry that
 * base/registry names.
 * @throws {CannotRun} {ImageError}
 */
export async function pushRelease(built: Built, cluster: string | undefined): Promise<{ sbom: string }> {
  const push = cluster === undefined ? publishImage : embeddedCluster(cluster).loadImage;
  const digest = await push(built.image);
  if (digest !== built.digest) {
    throw new CannotRun(
      `The registry calls the image ${digest}, and here it is ${built.digest}: nothing is pinned.`,
    );
  }
  await push(built.sbomImage);
  return { sbom: built.sbomImage };
}

/** What pins the first environment to a release; undefined where it is. @throws {CannotRun} */
export async function proposeRelease(
  root: string,
  digest: string,
  revision: Revision,
): Promise<Proposal | undefined> {
  const [first] = environments;
  const [pins, settings] = [pinFile(first), releaseFile(first)];
  const [kustomization, release] = await Promise.all([
    fileAt(root, 'HEAD', pins),
    fileAt(root, 'HEAD', settings),
  ]);
  if (kustomization === undefined || release === undefined) {
    throw new CannotRun(
      `${kustomization === undefined ? pins : settings} is missing at HEAD: it says what ${first} runs.`,
    );
  }
  const files = {
    [pins]: withDigest(kustomization, digest, pins),
    [settings]: withRevision(release, revision.commit, settings),
  };
  if (files[pins] === kustomization && files[settings] === release) {
    return undefined;
  }
  return {
    files,
    message: `Release ${appName} ${revision.short} to ${first}\n\nImage: ${appName}@${digest}\nRevision: ${revision.commit}\n`,
  };
}

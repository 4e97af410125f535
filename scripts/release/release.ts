import { CannotRun } from '../cli.ts';
import { embeddedCluster } from '../cluster/cluster.ts';
import { readPorts } from '../cluster/gateway/gateway.ts';
import { clusterLayout } from '../cluster/layout.ts';
import { clusterReference } from '../cluster-reference.ts';
import { environments } from '../environment.ts';
import { appName, buildAppImage, type Revision } from '../gitops/app-image.ts';
import { imageDigest, publishImage } from '../images/buildah.ts';
import type { Proposal } from './commit.ts';
import { signByCosign } from './cosign.ts';
import { pinFile, withDigest } from './pin.ts';
import { releaseFile, withRevision } from './release-settings.ts';
import { sbomOf } from './sbom.ts';
import { fileAt } from './versions.ts';

/** An image in the local store, and what is in it. */
export type Built = { image: string; digest: string; sbom: string };

/** To which registry an image goes, and whose key signs it there. */
export type Destination = { cluster: string } | { key: string };

/** Builds the image of a revision, and its SBOM. @throws {ImageError} */
export async function buildRelease(revision: Revision, cache: boolean): Promise<Built> {
  const image = await buildAppImage(revision.commit, cache);
  const digest = await imageDigest(image);
  const sbom = await sbomOf({ image, digest, revision: revision.commit, time: revision.time });
  return { image, digest, sbom };
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
 * Pushes an image, its signature and its signed SBOM: to the registry of the embedded cluster of that name, whose own
 * key signs, or with a key to the registry that base/registry names.
 * @throws {CannotRun} {ImageError}
 */
export async function pushRelease({ image, digest, sbom }: Built, to: Destination): Promise<void> {
  const cluster = 'cluster' in to ? embeddedCluster(to.cluster) : undefined;
  const pushed = await (cluster === undefined ? publishImage(image) : cluster.loadImage(image));
  if (pushed !== digest) {
    throw new CannotRun(
      `The registry calls the image ${pushed}, and here it is ${digest}: nothing is pinned.`,
    );
  }
  await cluster?.attestImage(image, digest, sbom);
  if ('key' in to) {
    await signByCosign(image, digest, sbom, to.key);
  }
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

import { createHash } from 'node:crypto';
import { ImageError } from './buildah.ts';

/** A text that belongs to an image, where cosign looks for it: under a tag that is made of the image's digest. */
export interface Artifact {
  tag: string;
  mediaType: string;
  content: string;
  annotations: Record<string, string>;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/**
 * Puts an artifact into a repository of a registry on this machine, in the place of what was under its tag.
 * @param registry its URL, up to and without /v2
 * @throws {ImageError}
 */
export async function pushArtifact(registry: string, repository: string, artifact: Artifact): Promise<void> {
  const base = `${registry}/v2/${repository}`;
  const layer = {
    mediaType: artifact.mediaType,
    ...(await pushBlob(base, artifact.content)),
    annotations: artifact.annotations,
  };
  // An image without a file: what reads registries knows images, and not all of it knows more.
  const config = {
    architecture: '',
    os: '',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      ...(await pushBlob(base, JSON.stringify(config))),
    },
    layers: [layer],
  };
  await asked(`${base}/manifests/${artifact.tag}`, {
    method: 'PUT',
    headers: { 'content-type': manifestType },
    body: JSON.stringify(manifest),
  });
}

async function pushBlob(base: string, content: string): Promise<{ digest: string; size: number }> {
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  const begun = await asked(`${base}/blobs/uploads/`, { method: 'POST' });
  const upload = new URL(begun.headers.get('location') ?? '', base);
  upload.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream' };
  await asked(upload.href, { method: 'PUT', headers, body: content });
  return { digest, size: Buffer.byteLength(content) };
}

async function asked(url: string, request: RequestInit): Promise<Response> {
  const answer = await fetch(url, request).catch((error: Error) => error);
  if (answer instanceof Error || !answer.ok) {
    const why =
      answer instanceof Error ? String(answer.cause ?? answer) : `${answer.status} ${await answer.text()}`;
    throw new ImageError(`the registry did not take ${request.method} ${url}: ${why.slice(0, 500)}`);
  }
  return answer;
}

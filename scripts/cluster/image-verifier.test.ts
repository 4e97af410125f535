import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { pushArtifact } from '../images/artifact.ts';
import { ImageError } from '../images/buildah.ts';
import { imageSignature } from '../images/signature.ts';
import { goTools } from '../tools/go.ts';

const repository = 'ghcr.io/quotes-gitops/quote-app';
const digest = `sha256:${'a'.repeat(64)}`;
const [ours, theirs] = [newKey(), newKey()];

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

/** What a registry does of pushes and pulls: its URL, and what lies there by its path. */
async function registry(t: TestContext) {
  const held = new Map<string, string>();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry');
    if (request.method === 'POST') {
      response.writeHead(202, { location: `${pathname}one?state=x` }).end();
    } else if (request.method === 'PUT') {
      held.set(pathname.replace('uploads/one', searchParams.get('digest') ?? ''), await text(request));
      response.writeHead(201).end();
    } else {
      const found = held.get(pathname);
      response.writeHead(found === undefined ? 404 : found === 'broken' ? 500 : 200).end(found);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { url: `http://127.0.0.1:${address.port}`, held };
}

/** Asks the program as containerd does; what it says, and its exit code. */
async function judged(
  t: TestContext,
  url: string,
  { keys = ours.pem, image = `${repository}@${digest}`, config = true, of = digest } = {},
) {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-verifier-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'config.json');
  if (config) {
    const unsigned = ['docker.io/library/postgres'];
    await writeFile(file, JSON.stringify({ registry: `${url}/v2`, keys, unsigned }));
  }
  const program = path.join(await goTools('image-verifier'), 'image-verifier');
  const type = 'application/vnd.oci.descriptor.v1+json';
  const { stdout, exitCode } = await execa(
    program,
    ['-name', image, '-digest', of, '-stdin-media-type', type],
    { env: { IMAGE_VERIFIER_CONFIG: file }, input: JSON.stringify({ digest: of }), reject: false },
  );
  return `${exitCode} ${stdout}`;
}

test('a node pulls what the key signed, by whatever tag it is asked for, and nothing that nobody signed', async (t) => {
  const { url } = await registry(t);
  assert.equal(
    await judged(t, url),
    `1 nobody signed ${repository}@${digest}: npm run image and npm run release sign what they build`,
  );
  await pushArtifact(url, repository, imageSignature(repository, digest, ours.privateKey));
  assert.equal(await judged(t, url), '0 signed');
  assert.equal(await judged(t, url, { image: `${repository}:base` }), '0 signed');
  assert.equal(await judged(t, url, { keys: theirs.pem + ours.pem }), '0 signed');
  assert.match(await judged(t, url, { of: `sha256:${'b'.repeat(64)}` }), /^1 nobody signed \S+@sha256:b+/);
});

test('a signature by another key, of another image, or of a text that was changed is none', async (t) => {
  const { url, held } = await registry(t);
  const refused = `1 none of the signatures of ${repository}@${digest} is by the cluster's key`;
  await pushArtifact(url, repository, imageSignature(repository, digest, theirs.privateKey));
  assert.equal(await judged(t, url), refused);
  const other = imageSignature(repository, `sha256:${'b'.repeat(64)}`, ours.privateKey);
  await pushArtifact(url, repository, {
    ...other,
    tag: imageSignature(repository, digest, ours.privateKey).tag,
  });
  assert.equal(await judged(t, url), refused);
  await pushArtifact(url, repository, imageSignature(repository, digest, ours.privateKey));
  for (const [place, content] of held) {
    held.set(place, place.includes('/blobs/') ? content.replace('quote-app', 'quote-apd') : content);
  }
  assert.equal(await judged(t, url), refused);
});

test('what the cluster was stocked with needs no signature; a name that only begins so does', async (t) => {
  const nobody = 'http://127.0.0.1:9';
  const stocked = 'docker.io/library/postgres';
  assert.equal(await judged(t, nobody, { image: `${stocked}:15-bookworm` }), '0 needs no signature');
  assert.equal(await judged(t, nobody, { image: `${stocked}@${digest}` }), '0 needs no signature');
  assert.match(await judged(t, nobody, { image: `${stocked}ql:15` }), /^1 /);
  assert.match(await judged(t, nobody, { image: `evil.example:5000/${stocked}` }), /^1 /);
});

test('where it cannot be known, nothing is pulled: the registry away or broken, no key, no configuration', async (t) => {
  assert.match(await judged(t, 'http://127.0.0.1:9'), /^1 whether \S+ is signed is not known: .*refused/);
  const { url, held } = await registry(t);
  const { tag } = imageSignature(repository, digest, ours.privateKey);
  held.set(`/v2/${repository}/manifests/${tag}`, 'broken');
  assert.match(await judged(t, url), /^1 whether \S+ is signed is not known: \S+ answers 500/);
  held.set(`/v2/${repository}/manifests/${tag}`, 'no JSON');
  assert.match(await judged(t, url), /^1 whether \S+ is signed is not known: /);
  assert.match(await judged(t, url, { keys: '' }), /^1 the node does not know whose signature.* has no key$/);
  assert.match(await judged(t, url, { config: false }), /^1 the node does not know whose signature/);
  await assert.rejects(
    pushArtifact('http://127.0.0.1:9', repository, imageSignature(repository, digest, ours.privateKey)),
    ImageError,
  );
});

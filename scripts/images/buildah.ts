import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { cacheDir } from '../paths.ts';

/** Thrown when an image does not build or cannot be pushed; carries the end of what buildah said. */
export class ImageError extends Error {
  override name = 'ImageError';
}

/** What a build needs: the image's name, its recipe, and the folders that the recipe names. */
export interface ImageBuild {
  image: string;
  dockerfile: string;
  /** The folder that COPY reads from. */
  context: string;
  /** Further folders, for `COPY --from=NAME`. */
  contexts?: Record<string, string>;
  arguments?: Record<string, string>;
  /** Stop after this stage, so that the rest can follow when what it copies is there. */
  target?: string;
  /** Whether layers that are there already may be taken; by default they are. */
  cache?: boolean;
  /** Images in the place of stages of these names. */
  images?: Record<string, string>;
  /** Seconds since 1970 for the image and each file: the same files on the same base are then the same image. */
  timestamp?: number;
}

/** Where and how buildah stores: in the cache, its record of mounts in memory. */
export const storage = [
  '--root',
  path.join(cacheDir, 'buildah'),
  '--runroot',
  '/run/quotes/buildah',
  '--storage-driver',
  'overlay',
];

async function buildah(args: string[]): Promise<string> {
  const result = await execa('buildah', [...storage, ...args], { stdin: 'ignore', all: true, reject: false });
  if (result.failed) {
    const end = (result.all ?? '').trimEnd().split('\n').slice(-15).join('\n');
    throw new ImageError(`buildah ${args[0]} failed: ${result.shortMessage ?? ''}\n${end}`);
  }
  return result.stdout;
}

/**
 * Builds the image from its Dockerfile, layer by layer from the cache where nothing changed.
 * @throws {ImageError}
 */
export async function buildImage(build: ImageBuild): Promise<void> {
  const named = (option: string, values: Record<string, string> = {}) =>
    Object.entries(values).flatMap(([name, value]) => [option, `${name}=${value}`]);
  await buildah([
    'build',
    // A layer of the cache keeps the time at which it was made.
    ...(build.timestamp === undefined ? ['--layers'] : ['--layers=false', `--timestamp=${build.timestamp}`]),
    ...(build.cache === false ? ['--no-cache'] : []),
    // chroot needs no network of its own and no runtime: it works wherever this program does.
    '--isolation=chroot',
    '--pull-never',
    '--format=oci',
    `--tag=${build.image}`,
    `--file=${build.dockerfile}`,
    ...(build.target === undefined ? [] : [`--target=${build.target}`]),
    ...named('--build-context', build.contexts),
    ...named('--build-context', imageContexts(build.images)),
    ...named('--build-arg', build.arguments),
    build.context,
  ]);
}

function imageContexts(images: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(images).map(([stage, image]) => [stage, `container-image://${image}`]),
  );
}

/**
 * Removes the working containers and the mounts that interrupted builds left, unless a build runs now: nothing tells
 * its containers from theirs.
 */
export async function removeInterruptedBuilds(): Promise<void> {
  const running = await execa('pgrep', ['--exact', 'buildah'], { reject: false });
  if (running.exitCode === 1 && existsSync(path.join(cacheDir, 'buildah'))) {
    await buildah(['rm', '--all']);
  }
}

/**
 * Pushes the image to a registry on this machine, under its own full name unless told otherwise, and returns the
 * manifest's digest.
 * @throws {ImageError}
 */
export function pushImage(image: string, registry: string, as = image): Promise<string> {
  return push(image, `docker://${registry}/${as}`, '--tls-verify=false');
}

/** Pushes the image to the registry in its name, as whom `buildah login` knows; returns its digest. @throws {ImageError} */
export function publishImage(image: string): Promise<string> {
  return push(image, `docker://${image}`);
}

/** The digest that the image has in any registry that it is pushed to. @throws {ImageError} */
export async function imageDigest(image: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-oci-'));
  try {
    return await push(image, `oci:${folder}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function push(image: string, to: string, ...options: string[]): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-push-'));
  try {
    const digestFile = path.join(folder, 'digest');
    // Uncompressed: gzip's bytes differ from one machine to another, and over loopback it costs more than it saves.
    await buildah(['push', ...options, '--disable-compression', `--digestfile=${digestFile}`, image, to]);
    return (await readFile(digestFile, 'utf8')).trim();
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Gives a function the files of an image, in a folder that is gone afterwards. @throws {ImageError} */
export async function withImageFiles<T>(image: string, use: (folder: string) => Promise<T>): Promise<T> {
  const container = await buildah(['from', '--pull-never', image]);
  try {
    return await use(await buildah(['mount', container]));
  } finally {
    await buildah(['rm', container]);
  }
}

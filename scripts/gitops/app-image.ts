import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { withTreeAt } from '../check/origin.ts';
import { CannotRun } from '../cli.ts';
import { buildImage } from '../images/buildah.ts';
import { repoRoot } from '../paths.ts';

/** The service's name in the bases; base/registry puts the registry before it. */
export const appName = 'quote-app';

/** What the image is made of, relative to the repository. */
export const imageInputs = ['service', 'package.json', 'package-lock.json', '.dockerignore'];
/** The same of the status page's. */
const pageInputs = [
  'status-page',
  'scripts',
  'policies/exemptions.yaml',
  'package.json',
  'package-lock.json',
  'service/package.json',
];

/** The last commit that touched what the image is made of, and when that was, in seconds since 1970. */
export type Revision = { commit: string; short: string; time: number };

/** The service's full image name without a tag, as base/registry sets it. @throws {CannotRun} */
export async function appImageName(): Promise<string> {
  const file = 'base/registry/quote-app.yaml';
  return imageNamed(file, ({ imageTag }: { imageTag?: { newName?: string } }) => imageTag?.newName);
}

async function imageNamed<T>(file: string, nameIn: (value: T) => string | undefined): Promise<string> {
  const value = parse(await readFile(path.join(repoRoot, file), 'utf8')) as T | null;
  const name = value === null ? undefined : nameIn(value);
  if (name === undefined) {
    throw new CannotRun(`${file}: newName of the image is missing: it names the registry.`);
  }
  return name;
}

/** The revision of the image that a commit makes; undefined where git knows none. */
export async function imageRevision(
  root: string,
  commit = 'HEAD',
  inputs = imageInputs,
): Promise<Revision | undefined> {
  const format = ['log', '-1', '--format=%H %h %ct', commit, '--', ...inputs];
  const { stdout = '', failed } = await execa('git', ['-C', root, ...format], { reject: false });
  const [full = '', short = '', time = ''] = stdout.split(' ');
  return failed || full === '' ? undefined : { commit: full, short, time: Number(time) };
}

/**
 * Builds the service as service/Dockerfile says into the local store and returns its full name: of a commit, or else of
 * the checkout as it lies there. The same files on the same base make the same image to the byte: files and image are
 * as old as the revision, and have the modes that git knows. Without the cache npm installs its packages anew.
 */
export async function buildAppImage(commit?: string, cache = true): Promise<string> {
  const revision = await imageRevision(repoRoot, commit);
  const image = `${await appImageName()}:${revision?.short ?? 'checkout'}`;
  const build = (folder: string, files: string[]) =>
    buildFrom(folder, files, image, { dockerfile: 'service/Dockerfile', time: revision?.time ?? 0, cache });
  if (commit === undefined) {
    await build(repoRoot, await checkoutFiles(imageInputs));
  } else {
    const files = await gitPaths(['ls-tree', '-r', '-z', '--name-only', commit, '--', ...imageInputs]);
    await withTreeAt(repoRoot, commit, (folder) => build(folder, files));
  }
  return image;
}

/** Builds the checkout's status page in the same way; its full name. @throws {CannotRun} */
export async function buildPageImage(): Promise<string> {
  const name = await imageNamed(pageKustomization, ({ images }: { images?: { newName?: string }[] }) => {
    return images?.[0]?.newName;
  });
  const revision = await imageRevision(repoRoot, 'HEAD', pageInputs);
  const image = `${name}:${revision?.short ?? 'checkout'}`;
  await buildFrom(repoRoot, await checkoutFiles(pageInputs), image, {
    dockerfile: 'status-page/Dockerfile',
    time: revision?.time ?? 0,
    cache: true,
  });
  return image;
}

/** The file that pins the status page's image, relative to the repository. */
export const pageKustomization = 'status-page/kustomization.yaml';

function checkoutFiles(inputs: string[]): Promise<string[]> {
  return gitPaths(['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...inputs]);
}

async function gitPaths(args: string[]): Promise<string[]> {
  const { stdout, failed, stderr } = await execa('git', ['-C', repoRoot, ...args], { reject: false });
  if (failed) {
    throw new CannotRun(`git cannot say which files the image is made of: ${stderr}`);
  }
  return [...new Set(stdout.split('\0'))].filter((file) => file !== '');
}

async function buildFrom(
  folder: string,
  files: string[],
  image: string,
  { dockerfile: own, time, cache }: { dockerfile: string; time: number; cache: boolean },
): Promise<void> {
  const context = await mkdtemp(path.join(tmpdir(), 'quotes-image-'));
  // Folders, and what npm installs, have modes by it.
  const umask = process.umask(0o022);
  try {
    for (const file of files) {
      const { mode } = await stat(path.join(folder, file)).catch(() => ({ mode: undefined }));
      if (mode !== undefined) {
        const to = path.join(context, file);
        await mkdir(path.dirname(to), { recursive: true });
        await copyFile(path.join(folder, file), to);
        await chmod(to, mode & 0o100 ? 0o755 : 0o644);
      }
    }
    const dockerfile = path.join(context, own);
    const dependencies = `${image}-dependencies`;
    await buildImage({ image: dependencies, dockerfile, context, target: 'dependencies', cache });
    const images = { dependencies };
    await buildImage({ image, dockerfile, context, images, timestamp: time });
  } finally {
    process.umask(umask);
    await rm(context, { recursive: true });
  }
}

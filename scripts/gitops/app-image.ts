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

/** The last commit that touched what the image is made of, and when that was, in seconds since 1970. */
export type Revision = { commit: string; short: string; time: number };

/** The service's full image name without a tag, as base/registry sets it. @throws {CannotRun} */
export async function appImageName(): Promise<string> {
  const transformer = await readFile(path.join(repoRoot, 'base/registry/quote-app.yaml'), 'utf8');
  const parsed = parse(transformer) as { imageTag?: { newName?: string } } | null;
  const name = parsed?.imageTag?.newName;
  if (name === undefined) {
    throw new CannotRun('base/registry/quote-app.yaml: imageTag.newName is missing: it names the registry.');
  }
  return name;
}

/** The revision of the image that a commit makes; undefined where git knows none. */
export async function imageRevision(root: string, commit = 'HEAD'): Promise<Revision | undefined> {
  const format = ['log', '-1', '--format=%H %h %ct', commit, '--', ...imageInputs];
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
    buildFrom(folder, files, image, { time: revision?.time ?? 0, cache });
  if (commit === undefined) {
    const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...imageInputs];
    await build(repoRoot, await gitPaths(listed));
  } else {
    const files = await gitPaths(['ls-tree', '-r', '-z', '--name-only', commit, '--', ...imageInputs]);
    await withTreeAt(repoRoot, commit, (folder) => build(folder, files));
  }
  return image;
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
  { time, cache }: { time: number; cache: boolean },
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
    const dockerfile = path.join(context, 'service/Dockerfile');
    const dependencies = `${image}-dependencies`;
    await buildImage({ image: dependencies, dockerfile, context, target: 'dependencies', cache });
    const images = { dependencies };
    await buildImage({ image, dockerfile, context, images, timestamp: time });
  } finally {
    process.umask(umask);
    await rm(context, { recursive: true });
  }
}

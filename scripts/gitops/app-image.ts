import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { CannotRun } from '../cli.ts';
import { buildImage } from '../images/buildah.ts';
import { repoRoot } from '../paths.ts';

/** The service's name in the bases; base/registry puts the registry before it. */
export const appName = 'quote-app';

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

/** Builds the checkout's service, as service/Dockerfile says, into the local store. Returns its full name. */
export async function buildAppImage(): Promise<string> {
  const image = `${await appImageName()}:${await revision()}`;
  await buildImage({ image, dockerfile: path.join(repoRoot, 'service/Dockerfile'), context: repoRoot });
  return image;
}

/** The last commit that touched what the image is made of: a tag that changes when the image does. */
async function revision(): Promise<string> {
  const inputs = ['service', 'package.json', 'package-lock.json', '.dockerignore'];
  const log = await execa('git', ['-C', repoRoot, 'log', '-1', '--format=%h', '--', ...inputs], {
    reject: false,
  });
  return log.failed || log.stdout === '' ? 'checkout' : log.stdout;
}

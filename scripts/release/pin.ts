import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { CannotRun } from '../cli.ts';
import type { Environment } from '../environment.ts';
import { appName, pageKustomization } from '../gitops/app-image.ts';
import { withEntry, withItem, withoutEntry, withValue } from './yaml-edit.ts';

/** Which image of quote-app an overlay asks for: one for good, or whatever a tag is at the time. */
export type Pin = { digest: string } | { tag: string };

type Image = { name?: string; digest?: string; newTag?: string };

/** The file that pins an environment's image, relative to the repository. */
export function pinFile(environment: Environment): string {
  return `overlays/${environment}/kustomization.yaml`;
}

/** What a kustomization pins quote-app to; undefined where it names no image of it, or is no YAML. */
export function pinIn(kustomization: string): Pin | undefined {
  // Of several the last one wins, as Kustomize goes through them.
  const image = imagesIn(kustomization).findLast(({ name }) => name === appName);
  if (image?.digest !== undefined) {
    return { digest: image.digest };
  }
  return image && { tag: image.newTag ?? 'latest' };
}

/** The kustomization with quote-app, or another image, pinned to the digest; each byte of everything else stays. @throws {CannotRun} */
export function withDigest(
  kustomization: string,
  digest: string,
  file = 'kustomization.yaml',
  of = appName,
): string {
  const images = imagesIn(kustomization);
  const index = images.findLastIndex(({ name }) => name === of);
  const image = images[index];
  if (image === undefined) {
    return withItem(kustomization, 'images', { name: of, digest }, file);
  }
  const entry = (key: string) => ['images', index, key];
  if (image.digest === undefined && image.newTag === undefined) {
    throw new CannotRun(`${file}: images[${index}] has neither newTag nor digest: give it one of them.`);
  }
  if (image.digest === undefined) {
    return withEntry(kustomization, entry('newTag'), 'digest', digest, file);
  }
  const pinned = withValue(kustomization, entry('digest'), digest, file);
  return image.newTag === undefined ? pinned : withoutEntry(pinned, entry('newTag'), file);
}

/** Pins the environment's overlay below `root`. Returns the file, relative to it. @throws {CannotRun} */
export async function pinDigest(root: string, environment: Environment, digest: string): Promise<string> {
  const file = pinFile(environment);
  const text = await readFile(path.join(root, file), 'utf8').catch(() => {
    throw new CannotRun(`${file} is missing: it says which image ${environment} runs.`);
  });
  await writeFile(path.join(root, file), withDigest(text, digest, file));
  return file;
}

/** Pins the status page's image below `root`. Returns the file, relative to it. @throws {CannotRun} */
export async function pinPage(root: string, digest: string): Promise<string> {
  const text = await readFile(path.join(root, pageKustomization), 'utf8');
  const pinned = withDigest(text, digest, pageKustomization, 'status-page');
  await writeFile(path.join(root, pageKustomization), pinned);
  return pageKustomization;
}

function imagesIn(kustomization: string): Image[] {
  try {
    const images = (parse(kustomization) as { images?: unknown } | null)?.images;
    return Array.isArray(images) ? (images as Image[]) : [];
  } catch {
    return [];
  }
}

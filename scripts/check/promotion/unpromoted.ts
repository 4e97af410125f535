import { createHash } from 'node:crypto';
import path from 'node:path';
import { type Before, beforeAt, type Comparison } from '../before.ts';
import { type Step, steps } from '../graph/environments.ts';
import type { Graph } from '../graph/graph.ts';
import type { Repository } from '../graph/repository.ts';
import { type Image, imagesOf, readImage } from '../images.ts';
import type { Violation } from '../model.ts';
import { gitOutput, type Origin } from '../origin.ts';
import { cachedRender, keepRender } from '../render-cache.ts';
import { reachable } from '../tree.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';

type Promoted = { image: Image; later: Graph; earlier: Graph[] };

type Known = {
  repository: Repository;
  compared: Comparison;
  files: YamlFiles;
  progress: (line: string) => void;
};

/**
 * The digests that the environment before never had; what follows a tag may have had any. Of a change: that it did not
 * have by the origin. On the default branch itself: that it did not have before the commit which brought it.
 */
export async function unpromotedDigests(known: Known): Promise<Violation[]> {
  const byLater = Map.groupBy(steps(known.repository), ({ later }) => later);
  const promoted = [...byLater].flatMap(([later, own]) => promotedTo(later, own));
  const judged = promoted.map(async ({ image, later, earlier }): Promise<Violation[]> => {
    const names = earlier.map(({ target }) => target.environment).join(' or ');
    const message = `${later.target.environment} runs ${image.digest.slice(0, 19)}, and ${names} never had it before: promote it there first`;
    return (await wasThere({ image, later, earlier }, known))
      ? []
      : [{ object: image.pod.object, path: image.path, message }];
  });
  return (await Promise.all(judged)).flat();
}

/** The pinned images of an environment which those before it run too, by whatever tag or digest. */
function promotedTo(later: Graph, own: Step[]): Promoted[] {
  const before = own.map(({ earlier }) => ({
    earlier,
    names: new Set(imagesOf(earlier).map(({ name }) => name)),
  }));
  return imagesOf(later)
    .filter(({ digest }) => digest !== '')
    .map((image) => ({
      image,
      later,
      earlier: before.filter(({ names }) => names.has(image.name)).map(({ earlier }) => earlier),
    }))
    .filter(({ earlier }) => earlier.length > 0);
}

/** Whether one of the environments before had a digest, or nothing is known that says it had not. */
async function wasThere(promoted: Promoted, known: Known): Promise<boolean> {
  const { image, later, earlier } = promoted;
  const { origin, isUnchanged, before } = known.compared;
  const then = isUnchanged ? undefined : await before();
  if (!isUnchanged && then === undefined) {
    return true;
  }
  const was = then?.environments[later.target.environment];
  if (isUnchanged || was?.images.some((one) => isSame(one, image))) {
    return origin.commit !== origin.head || landedAfter(promoted, known);
  }
  return (
    mayHaveRun(then, earlier, image) ||
    (await commitWith(image.digest, origin, [origin.commit, ...pushed], await foldersOf(earlier, known))) !==
      undefined ||
    (await gitOutput(origin.root, 'rev-parse', '--is-shallow-repository')) !== 'false'
  );
}

/** Whether one of the environments ran an image at a commit, or may have: it followed a tag, or did not render. */
function mayHaveRun(then: Before | undefined, earlier: Graph[], image: Image): boolean {
  return earlier.some(({ target }) => {
    const was = then?.environments[target.environment];
    const same = was?.images.filter((one) => readImage(one).name === image.name) ?? [];
    return was === null || same.some((one) => isSame(one, image) || readImage(one).digest === '');
  });
}

function isSame(one: string, { name, digest }: Image): boolean {
  const read = readImage(one);
  return read.name === name && read.digest === digest;
}

/** Counts up when what is kept changes. */
const form = 1;

/** `wasThere` for what the default branch has: kept, as nothing changes what has been. */
async function landedAfter(promoted: Promoted, known: Known): Promise<boolean> {
  const { image, later, earlier } = promoted;
  const about = [later, ...earlier].map(({ target }) => target.environment);
  const key = createHash('sha256')
    .update(JSON.stringify(['landed', form, known.compared.origin.head, image.name, image.digest, about]))
    .digest('hex');
  const cached = await cachedRender(key);
  if (typeof cached === 'boolean') {
    return cached;
  }
  const landed = await findLanded(promoted, known);
  await keepRender(key, landed);
  return landed;
}

async function findLanded({ image, later, earlier }: Promoted, known: Known): Promise<boolean> {
  const { origin } = known.compared;
  const { root, head } = origin;
  const brought = await commitWith(image.digest, origin, [head], await foldersOf([later], known));
  const commit = brought && (await gitOutput(root, 'rev-parse', '--verify', '--quiet', `${brought}^`));
  const tree = commit && (await gitOutput(root, 'rev-parse', '--verify', '--quiet', `${commit}:./`));
  if (!commit || !tree) {
    // The history begins with it, or does not go back so far.
    return true;
  }
  if ((await commitWith(image.digest, origin, [commit], await foldersOf(earlier, known))) !== undefined) {
    return true;
  }
  const then = await beforeAt({ root, commit, tree }, known.repository.resources, known.progress);
  const isKnown = earlier.some(({ target }) => target.environment in (then?.environments ?? {}));
  return !isKnown || mayHaveRun(then, earlier, image);
}

/** What was pushed to any remote was deployed there: a cluster's remote is ahead of the forge's until that has it too. */
const pushed = ['--remotes=*/main'];

/** The last commit, up to some, by which a text came into some folders or went from them. */
async function commitWith(
  text: string,
  { root }: Origin,
  upTo: string[],
  folders: string[],
): Promise<string | undefined> {
  const log = ['log', '--no-color', '--format=%H', '--max-count=1', `-S${text}`, ...upTo];
  return (await gitOutput(root, ...log, '--', ...folders)) || undefined;
}

/** The folders that environments are rendered from, relative to the root. */
async function foldersOf(graphs: Graph[], { repository, files }: Known): Promise<string[]> {
  const dirs = graphs.flatMap(({ target }) => ('dir' in target ? [target.dir] : []));
  const trees = await Promise.all(dirs.map((dir) => reachable(dir, files)));
  return [...new Set(trees.flat().map(({ dir }) => path.relative(repository.root, dir)))];
}

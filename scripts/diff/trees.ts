import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Holdings, holdingsOf } from '../check/data/holdings.ts';
import { declaredOrder, placeIn } from '../check/graph/order.ts';
import { readRepository } from '../check/graph/repository.ts';
import type { RenderedObject, Role, Target } from '../check/model.ts';
import { gitOutput, withTreeAt } from '../check/origin.ts';
import type { Render } from '../check/render.ts';
import { servedKinds } from '../check/schemas/served-kinds.ts';
import { schemaStore } from '../check/schemas/store.ts';
import { renderTargets, repositoryTargets } from '../check/targets.ts';
import { YamlFiles } from '../check/yaml/yaml-files.ts';
import { CannotRun } from '../cli.ts';

/** What is compared: a commit by whatever git calls it, or the files of a folder, the working tree's unless it has a name. */
export type Side = { commit: string } | { folder: string; name?: string };

/** What one target renders to. An environment is called what it is; the rest by its folder. */
export type Part = { name: string; role: Role; target: Target; objects: RenderedObject[] };

/** What a repository renders to at one of its states, and what of it holds data. */
export type Tree = { name: string; parts: Part[]; holdings: Holdings<{ object: RenderedObject }> };

/**
 * Renders a side of a comparison with this checkout's program.
 * @throws {CannotRun} when git knows no such commit, or something does not render
 */
export async function renderSide(root: string, side: Side, progress: (line: string) => void): Promise<Tree> {
  if ('folder' in side) {
    return renderTree(side.folder, side.name ?? 'the working tree', progress);
  }
  const { commit, name } = await commitNamed(root, side.commit);
  return withTreeAt(root, commit, async (folder) => {
    try {
      return await renderTree(folder, name, progress);
    } catch (error) {
      throw error instanceof CannotRun ? new CannotRun(error.message.replaceAll(`${folder}/`, '')) : error;
    }
  });
}

/** @throws {CannotRun} when git knows no such commit */
export async function commitNamed(root: string, name: string): Promise<{ commit: string; name: string }> {
  const commit = await gitOutput(
    root,
    ...['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`],
  );
  if (commit === undefined) {
    throw new CannotRun(`git knows no commit "${name}" in ${root}. Fetch it, or name another.`);
  }
  const short = commit.slice(0, 10);
  return { commit, name: commit.startsWith(name) ? short : `${name} (${short})` };
}

/** Renders the files of a folder. @throws {CannotRun} when something does not render */
export async function renderTree(
  root: string,
  name: string,
  progress: (line: string) => void,
): Promise<Tree> {
  const files = new YamlFiles(root);
  const targets = (await repositoryTargets(root, files)).filter(
    (target) => target.role !== 'argument' && 'dir' in target && existsSync(target.dir),
  );
  const renders = await renderTargets(root, targets, files, progress);
  const store = await schemaStore(() => progress('writing schemas from the pinned modules, about 3 s'));
  const objects = renders.flatMap((render) => render.objects);
  const { resources } = await servedKinds(store, objects);
  const parts = inOrder(renders.map((render) => partOf(root, name, render)));
  const held = renders.filter(({ target: { role } }) => role === 'environment' || role === 'apps');
  const repository = await readRepository(root, true, held, resources, [], files);
  return { name, parts, holdings: holdingsOf(repository) };
}

function partOf(root: string, side: string, { target, objects, error }: Render): Part {
  const folder = path.relative(root, 'dir' in target ? target.dir : target.file);
  if (error !== undefined) {
    const reason = error.replaceAll(`${root}/`, '');
    throw new CannotRun(
      `${folder} does not render in ${side}, so nothing can be compared with it: ${reason}`,
    );
  }
  return { name: target.environment || folder, role: target.role, target, objects };
}

/** The environments as a change travels through them, then the rest. */
function inOrder(parts: Part[]): Part[] {
  const order = declaredOrder(parts.flatMap(({ role, objects }) => (role === 'policies' ? objects : [])));
  const place = ({ target: { environment }, role }: Part) =>
    role === 'environment' ? placeIn(order, environment) : order.length + 1;
  return parts.toSorted((one, other) => place(one) - place(other));
}

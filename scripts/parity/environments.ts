import { declaredOrder, placeIn } from '../check/graph/order.ts';
import type { Kustomization } from '../check/kustomization.ts';
import type { RenderedObject } from '../check/model.ts';
import type { Render } from '../check/render.ts';
import { policiesTarget, renderTargets, repositoryTargets } from '../check/targets.ts';
import { reachable } from '../check/tree.ts';
import type { YamlFiles } from '../check/yaml/yaml-files.ts';
import { CannotRun } from '../cli.ts';

/** An environment as its overlay renders. */
export type RenderedEnvironment = {
  name: string;
  /** Its overlay. Absolute path. */
  dir: string;
  /** That of its objects, or most of them; '' where none says one. */
  namespace: string;
  objects: RenderedObject[];
  /** Every kustomization that the render reads, the overlay's own first. */
  kustomizations: Kustomization[];
  /** Every file that the render reads. Absolute paths. */
  files: Set<string>;
};

/**
 * The environments of the repository at `root`, or those of them that are named, in the order in which a change
 * travels through them.
 * @throws {CannotRun} when one does not render, is not there, or there are no two
 */
export async function readEnvironments(
  root: string,
  names: string[],
  files: YamlFiles,
  progress: (line: string) => void,
): Promise<RenderedEnvironment[]> {
  const targets = (await repositoryTargets(root, files)).filter(
    ({ role }) => role === 'environment' || role === 'apps',
  );
  const all = await renderTargets(root, [policiesTarget(root), ...targets], files, progress);
  const renders = all.filter(({ target }) => target.role === 'environment');
  const order = declaredOrder(
    all.flatMap(({ target, objects }) => (target.role === 'policies' ? objects : [])),
  );
  const place = ({ target }: Render) => placeIn(order, target.environment);
  const ordered = renders.toSorted((one, other) => place(one) - place(other));
  const wanted = chosen(ordered, names);
  return Promise.all(wanted.map((found) => environmentOf(root, found, files)));
}

function chosen(renders: Render[], names: string[]): Render[] {
  const known = renders.map(({ target }) => target.environment);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new CannotRun(`there is no environment "${unknown}". Name two or more of ${known.join(', ')}.`);
  }
  const found = renders.filter(({ target }) => names.length === 0 || names.includes(target.environment));
  if (found.length < 2) {
    const next =
      known.length < 2 ? 'overlays/ has no other' : `name another beside it: ${known.join(', ')} are there`;
    throw new CannotRun(`${found[0]?.target.environment} alone differs from nothing: ${next}.`);
  }
  return found;
}

async function environmentOf(
  root: string,
  { target, objects, error, place }: Render,
  files: YamlFiles,
): Promise<RenderedEnvironment> {
  const name = target.environment;
  if (error !== undefined || !('dir' in target)) {
    const at = place === undefined ? `overlays/${name}` : `${place.file}:${place.line ?? 1}`;
    throw new CannotRun(
      `${at}: ${name} does not render, so it is compared with none: ${error}. Mend that; npm run check shows it too.`.replaceAll(
        `${root}/`,
        '',
      ),
    );
  }
  const kustomizations = await reachable(target.dir, files);
  return {
    name,
    dir: target.dir,
    namespace: mostFrequent(objects.flatMap(({ id }) => (id.namespace === '' ? [] : [id.namespace]))),
    objects,
    kustomizations,
    files: new Set(kustomizations.flatMap(filesOf)),
  };
}

/** A kustomization's own file, and those that it names. */
export function filesOf({ file, references }: Kustomization): string[] {
  return [file.path, ...references.filter(({ kind }) => kind === 'file').map(({ to }) => to)];
}

function mostFrequent(values: string[]): string {
  const counted = [...Map.groupBy(values, (value) => value)];
  return counted.sort(([, one], [, other]) => other.length - one.length)[0]?.[0] ?? '';
}

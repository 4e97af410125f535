import { existsSync } from 'node:fs';
import { type Policy, readPolicies } from '../check/admission/policy.ts';
import type { Resources } from '../check/admission/resources.ts';
import { type Exemption, readExemptions } from '../check/exemptions/exemptions.ts';
import { Graph } from '../check/graph/graph.ts';
import { declaredOrder, placeIn } from '../check/graph/order.ts';
import { declarations } from '../check/graph/outside.ts';
import type { Render } from '../check/render.ts';
import { servedKinds } from '../check/schemas/served-kinds.ts';
import { schemaStore } from '../check/schemas/store.ts';
import { renderTargets, repositoryTargets } from '../check/targets.ts';
import { YamlFiles } from '../check/yaml/yaml-files.ts';
import { CannotRun } from '../cli.ts';

/** What a repository says that a cluster is held to. */
export type GitState = {
  root: string;
  files: YamlFiles;
  /** The environments in the order in which a change travels, then the rest. What does not render has an error. */
  renders: Render[];
  policies: Policy[];
  exemptions: Exemption[];
  order: string[];
  resources: Resources;
  /** What it declares to be outside Git, by `outsideName`. */
  outsideGit: Set<string>;
};

/** Renders the files of a folder. @throws {CannotRun} when its policies or Applications cannot be read */
export async function readGit(root: string, progress: (line: string) => void): Promise<GitState> {
  const files = new YamlFiles(root);
  const targets = (await repositoryTargets(root, files)).filter(
    (target) => target.role !== 'argument' && 'dir' in target && existsSync(target.dir),
  );
  const rendered = await renderTargets(root, targets, files, progress);
  const policyRender = rendered.find(({ target }) => target.role === 'policies');
  const { policies, refusals } = readPolicies(policyRender?.objects ?? []);
  const apps = rendered.find(({ target, error }) => target.role === 'apps' && error !== undefined);
  const problem = apps?.error ?? policyRender?.error ?? refusals[0]?.message;
  if (problem !== undefined) {
    const what = apps === undefined ? 'policies/' : 'apps/';
    const why = problem.replaceAll(`${root}/`, '');
    throw new CannotRun(
      `${what} cannot be read, so nothing can be held to it: ${why}. "npm run check" says where.`,
    );
  }
  const order = declaredOrder(policyRender?.objects ?? []);
  const place = ({ target: { role, environment } }: Render) =>
    role === 'environment' ? placeIn(order, environment) : order.length + 1;
  const renders = rendered.toSorted((one, other) => place(one) - place(other));
  const store = await schemaStore(() => progress('writing schemas from the pinned modules, about 3 s'));
  const { resources } = await servedKinds(
    store,
    renders.flatMap(({ objects }) => objects),
  );
  const declared = renders.flatMap(({ target, objects }) => [
    ...declarations(new Graph(target, objects)).byName.keys(),
  ]);
  const { exemptions } = await readExemptions(root, files);
  return { root, files, renders, policies, exemptions, order, resources, outsideGit: new Set(declared) };
}

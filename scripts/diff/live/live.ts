import path from 'node:path';
import { holdingKinds } from '../../check/data/holdings.ts';
import { fateOf } from '../../check/data/impacts.ts';
import { qualified } from '../../check/graph/graph.ts';
import { listed } from '../../check/graph/outside.ts';
import { syncOptions } from '../../check/graph/sync.ts';
import type { JsonMap, RenderedObject, Target } from '../../check/model.ts';
import { text, valueAt } from '../../check/model.ts';
import { renderedObject } from '../../check/render.ts';
import { CannotRun } from '../../cli.ts';
import type { Kubectl } from '../../gitops/kubectl.ts';
import { compare, type Said } from '../compare.ts';
import { acceptedBetween } from '../difference.ts';
import { cluster, type Difference } from '../model.ts';
import { Concealer } from '../secrets.ts';
import { type Part, renderTree } from '../trees.ts';
import { applicationOf, applicationsGone, type LiveApplication } from './applications.ts';
import { type Answer, dryRun, idOf, liveObjects } from './cluster.ts';
import { normalForm, notUnderstood } from './normal-form.ts';
import { withImages } from './overrides.ts';

/**
 * What a sync of the environments at `root` would change in a cluster: what is there, against what its API server would
 * make of the renders. Nothing is changed.
 * @throws {CannotRun} when something does not render
 * @throws {KubectlError} when the cluster does not answer
 */
export async function liveDifference(
  root: string,
  kubectl: Kubectl,
  progress: (line: string) => void = () => {},
): Promise<Difference> {
  const tree = await renderTree(root, 'the working tree', progress);
  const applications = tree.parts.flatMap(({ role, objects }) => (role === 'apps' ? objects : []));
  const compared: Compared[] = [];
  const revisions: string[] = [];
  for (const part of tree.parts.filter(({ role }) => role === 'environment')) {
    const application = await applicationOf(kubectl, root, part.target, applications);
    if (application?.elsewhere !== undefined) {
      progress(
        `${part.name} is deployed to ${application.elsewhere}, which is another cluster: not compared`,
      );
      continue;
    }
    revisions.push(...(application?.revision ? [application.revision] : []));
    compared.push(await environmentCompared(root, part, application, kubectl, progress));
  }
  for (const { application, environment } of await applicationsGone(kubectl, applications)) {
    revisions.push(application.revision);
    compared.push(await partGone(root, environment, application, kubectl));
  }
  return liveCompared(compared, await acceptedSince(root, revisions.filter(Boolean)));
}

/**
 * An environment as the cluster has it, against what its API server would make of the render of `root`.
 * @param application what deploys it, undefined where the cluster has no such Application
 * @throws {CannotRun} when it does not render with the images of its Application
 * @throws {KubectlError} when the cluster does not answer
 */
export async function environmentCompared(
  root: string,
  part: Part,
  application: LiveApplication | undefined,
  kubectl: Kubectl,
  progress: (line: string) => void,
): Promise<Compared> {
  for (const what of notUnderstood(application?.ignoreDifferences ?? [])) {
    progress(`${part.name}: what the ${what} ignores is shown, as it is not understood here`);
  }
  const images = application?.images ?? [];
  const objects = images.length === 0 ? part.objects : await withImages(root, part.target, images, progress);
  return comparedPart({ ...part, objects }, application, kubectl);
}

/** An environment that the cluster has and Git has no longer, with everything that was deployed to it. */
async function partGone(
  root: string,
  environment: string,
  application: LiveApplication,
  kubectl: Kubectl,
): Promise<Compared> {
  const target: Target = { role: 'environment', environment, dir: path.join(root, 'overlays', environment) };
  const live = await liveObjects(kubectl, application.resources, application.namespace);
  const objects = live
    .filter((one) => one !== undefined)
    .map((value) => renderedObject(target, normalForm(value, application.name, []), ''));
  return {
    was: { name: environment, role: 'environment', target, objects },
    is: undefined,
    said: [],
    cited: objects.map(({ value }) => ({ object: value })),
  };
}

/** What the commits accept that are here and were not yet deployed, as far as git knows what was. */
async function acceptedSince(root: string, revisions: string[]): Promise<(string | undefined)[]> {
  const known = [...new Set(revisions)].map(async (commit) => {
    try {
      return await acceptedBetween(root, { commit }, { folder: root }, undefined);
    } catch (error) {
      if (error instanceof CannotRun) {
        return [];
      }
      throw error;
    }
  });
  return (await Promise.all(known)).flat();
}

/** A part as the cluster has it, and would have it, with the words of what it refuses. */
export type Compared = {
  was: Part | undefined;
  is: Part | undefined;
  said: Said[];
  cited: { object: JsonMap }[];
};

/** What the parts differ in, and what of it is accepted, by the objects' keys. */
export function liveCompared(compared: Compared[], accepted: (string | undefined)[]): Difference {
  const concealer = new Concealer();
  for (const { object } of compared.flatMap(({ cited }) => cited)) {
    concealer.conceal(object);
  }
  const said = compared
    .flatMap((one) => one.said)
    .map(({ note, ...about }) => ({ ...about, note: { ...note, message: concealer.scrub(note.message) } }));
  const was = compared.flatMap((one) => one.was ?? []);
  return compare(
    { name: cluster, parts: was },
    { name: 'the working tree', parts: compared.flatMap(({ is }) => is ?? []) },
    { said, accepted, concealer },
  );
}

async function comparedPart(
  part: Part,
  application: LiveApplication | undefined,
  kubectl: Kubectl,
): Promise<Compared> {
  if (application === undefined) {
    return { was: undefined, is: part, said: [], cited: [] };
  }
  const { namespace } = application;
  const values = part.objects.map(({ value }) => value);
  const live = await liveObjects(kubectl, values, namespace);
  // In a namespace that is not there yet the server takes nothing, and all of it will be new.
  const present = part.objects.filter((_, index) => live[index] !== undefined);
  const answers = await dryRun(
    kubectl,
    present.map(({ value }) => value),
    namespace,
  );
  const found = live.filter((one) => one !== undefined);
  const extra = application.resources.filter((one) => !part.objects.some(({ value }) => isSame(value, one)));
  const gone = (await liveObjects(kubectl, extra, namespace)).filter((one) => one !== undefined);
  return partAgainst(part, { application, present, found, answers, gone });
}

type Asked = {
  application: LiveApplication;
  /** The rendered objects that the cluster has, as it has them, and what it would make of them. */
  present: RenderedObject[];
  found: JsonMap[];
  answers: Answer[];
  /** What the Application deployed, and Git has no longer. */
  gone: JsonMap[];
};

/** Puts a part's objects, and what a cluster says of them, into two sides to compare. */
export function partAgainst(part: Part, { application, present, found, answers, gone }: Asked): Compared {
  const { name, ignoreDifferences } = application;
  const { target } = part;
  const normal = (value: JsonMap, of?: RenderedObject) =>
    renderedObject(target, normalForm(value, name, ignoreDifferences), of?.source ?? '');
  const refused = present.flatMap(({ value }, index): Said[] => {
    const answer = answers[index];
    return answer === undefined || 'made' in answer
      ? []
      : [
          {
            ...aboutObject(target, value),
            note: { impact: 'immutable', rule: 'refused', message: answer.refused },
          },
        ];
  });
  const lost = gone
    .filter((value) => holdingKinds.includes(qualified(text(value.apiVersion), text(value.kind))))
    .map((value): Said => {
      const kind = qualified(text(value.apiVersion), text(value.kind));
      const options = listed(text(valueAt(value, ['metadata', 'annotations', syncOptions])));
      const isKept = options.includes('Prune=false') || options.includes('Prune=confirm');
      const message = `this is in Git no more: ${fateOf(kind, isKept)}`;
      return { ...aboutObject(target, value), note: { impact: 'data', rule: 'data-removed', message } };
    });
  const made = new Map(
    present.map((object, index): [RenderedObject, RenderedObject] => {
      const answer = answers[index];
      const value = answer !== undefined && 'made' in answer ? answer.made : (found[index] ?? object.value);
      return [object, normal(value, object)];
    }),
  );
  return {
    was: { ...part, objects: [...found, ...gone].map((value) => normal(value)) },
    is: { ...part, objects: part.objects.map((object) => made.get(object) ?? object) },
    said: [...refused, ...lost],
    cited: [...part.objects.map(({ value }) => value), ...found].map((object) => ({ object })),
  };
}

function aboutObject({ environment }: Target, value: JsonMap): Omit<Said, 'note'> {
  return { id: idOf(value), environment };
}

function isSame(one: JsonMap, other: JsonMap): boolean {
  const [left, right] = [idOf(one), idOf(other)];
  const isOfGroup =
    qualified(text(one.apiVersion), left.kind) === qualified(text(other.apiVersion), right.kind);
  return (
    isOfGroup && left.name === right.name && (left.namespace === right.namespace || left.namespace === '')
  );
}

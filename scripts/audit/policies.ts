import { judgeAdmission } from '../check/admission-findings.ts';
import { isExempt } from '../check/exemptions/exemptions.ts';
import { qualified } from '../check/graph/graph.ts';
import { readRepository } from '../check/graph/repository.ts';
import { graphRules, graphViolations } from '../check/graph/rules.ts';
import {
  isMap,
  type JsonMap,
  noObject,
  type ObjectId,
  type RenderedObject,
  type Target,
  type Violation,
  valueAt,
} from '../check/model.ts';
import { renderedObject } from '../check/render.ts';
import { normalForm } from '../diff/live/normal-form.ts';
import type { GitState } from './git.ts';
import { kindKey, type LiveObject } from './live-objects.ts';
import { descendantOf } from './manifests.ts';
import type { AuditFinding } from './model.ts';
import { type Descendant, topmostOwner } from './ownership.ts';

/** An environment as the cluster has it: the manifests of everything in its namespaces. */
export type LiveEnvironment = { target: Target; application: string; objects: JsonMap[] };

/**
 * The rules over several objects that are about what Git says, and not about what there is: a live Deployment has
 * replicas whoever wrote them, a live Secret values, and what an Application deploys is compared with Git.
 */
const aboutGit = new Set(['autoscaled-replicas', 'namespace', 'secret-in-git']);

const liveRules = graphRules.filter(({ id, group }) => group !== 'argocd' && !aboutGit.has(id));

type LiveTarget = { target: Target; objects: RenderedObject[] };

/** What breaks a rule, and the object that made it in the end, itself where none did. */
type Found = {
  rule: string;
  severity: AuditFinding['severity'];
  environment: string;
  violation: Violation;
  owner: ObjectId;
  isMade: boolean;
};

/**
 * Holds live objects to the rules that `npm run check` holds renders to: the policies with their exemptions, each with
 * the parameters that its namespace has in the cluster, and the rules over several objects.
 * @returns what is found, told at the object that made what breaks the rule; how many objects were judged, by how many rules
 */
export async function judgeLive(
  git: GitState,
  environments: LiveEnvironment[],
  live: LiveObject[],
): Promise<{ findings: AuditFinding[]; judged: number; rules: number }> {
  // What was made since the objects were listed is there by its manifest.
  const manifests = environments.flatMap(({ objects }) => objects.map(descendantOf));
  const byUid = new Map<string, Descendant>([...live, ...manifests].map((one) => [one.uid, one]));
  const ownerOf = new Map<RenderedObject, ObjectId>();
  const made = new Set<RenderedObject>();
  const renders = environments.map(({ target, application, objects }) => ({
    target,
    objects: objects.filter(isInUse).map((value) => {
      const object = renderedObject(target, asInGit(value, application), '');
      const itself = descendantOf(value);
      const owner = topmostOwner(itself, byUid);
      ownerOf.set(object, owner.id);
      if (owner !== itself) {
        made.add(object);
      }
      return object;
    }),
  }));
  const objects = renders.flatMap((render) => render.objects);
  // What a server has accepted conforms, and what is not known of a newer one's schemas is no fault.
  const conforming = { violations: [], validated: 0 };
  const { broken } = judgeAdmission(objects, conforming, git.policies, git.resources, () => true);
  const severities = new Map(
    [...liveRules, ...git.policies.map(({ rule }) => rule)].map(({ id, severity }) => [id, severity]),
  );
  const found = [
    ...broken,
    ...(await overSeveral(
      git,
      renders.map(({ target, objects }) => ({
        target,
        objects: objects.filter((object) => !made.has(object)),
      })),
      live,
    )),
  ].map(({ rule, violation, severity }): Found => {
    const { object } = violation;
    return {
      rule,
      severity: severity ?? severities.get(rule) ?? 'error',
      environment: object.target.environment,
      violation,
      owner: ownerOf.get(object) ?? namespaceOf(object.target, objects),
      isMade: made.has(object),
    };
  });
  return { findings: folded(found), judged: objects.length, rules: liveRules.length };
}

/** What lacks its parameters is a whole environment, which the check tells of its kustomization. */
function namespaceOf(target: Target, objects: RenderedObject[]): ObjectId {
  return objects.find((object) => object.target === target && object.id.kind === 'Namespace')?.id ?? noObject;
}

/** A live object as Git would have it: without what the API server writes. */
function asInGit(value: JsonMap, application: string): JsonMap {
  const object = normalForm(value, application, []);
  const { labels, ...metadata } = isMap(object.metadata) ? object.metadata : {};
  if (object.kind !== 'Namespace' || !isMap(labels)) {
    return object;
  }
  const { 'kubernetes.io/metadata.name': _, ...own } = labels;
  return { ...object, metadata: { ...metadata, labels: own } };
}

/** An old ReplicaSet is kept to go back to, and what is being deleted will not stay. */
function isInUse(value: JsonMap): boolean {
  const isOld = value.kind === 'ReplicaSet' && valueAt(value, ['spec', 'replicas']) === 0;
  return !isOld && valueAt(value, ['metadata', 'deletionTimestamp']) === undefined;
}

/** The rules over several objects, with the live objects in place of the environments' renders. */
async function overSeveral(
  { root, renders, resources, policies, exemptions, files, order }: GitState,
  environments: LiveTarget[],
  live: LiveObject[],
): Promise<{ rule: string; violation: Violation; severity?: AuditFinding['severity'] }[]> {
  const together = renders.map((render) => {
    const found = environments.find(({ target }) => target === render.target);
    return found === undefined
      ? render
      : { ...found, objects: [...found.objects, ...clusterWide(found, live)] };
  });
  const repository = await readRepository(root, true, together, resources, policies, files, order);
  const own = new Set(environments.flatMap(({ objects }) => objects));
  return graphViolations(repository, (rule) => liveRules.some(({ id }) => id === rule)).filter(
    ({ rule, violation }) => own.has(violation.object) && !isExempt(exemptions, rule, violation.object),
  );
}

/** What an environment may refer to besides its own: whatever is in no namespace, by its name. */
function clusterWide({ target, objects }: LiveTarget, live: LiveObject[]): RenderedObject[] {
  const own = new Set(objects.map(({ apiVersion, id }) => `${qualified(apiVersion, id.kind)} ${id.name}`));
  return live
    .filter(({ group, id }) => id.namespace === '' && kindKey(group, id.kind) !== '/Namespace')
    .map(({ group, id: { kind, name } }) => ({
      apiVersion: group === '' ? 'v1' : `${group}/v1`,
      kind,
      metadata: { name },
    }))
    .filter(({ apiVersion, kind, metadata }) => !own.has(`${qualified(apiVersion, kind)} ${metadata.name}`))
    .map((value) => renderedObject(target, value, ''));
}

/** What several objects of one maker break alike is told once: in the maker's own words, else in those of the first. */
function folded(found: Found[]): AuditFinding[] {
  const together = Map.groupBy(found, ({ rule, environment, owner }) =>
    JSON.stringify([rule, environment, owner]),
  );
  return [...together.values()].flatMap((same) => {
    const own = same.filter(({ isMade }) => !isMade);
    const objects = [...new Set(same.map(({ violation }) => violation.object))];
    const [first] = objects;
    const told = own.length > 0 ? own : same.filter(({ violation }) => violation.object === first);
    const others = objects.length > 1 ? ` and ${objects.length - 1} more` : '';
    const findings = told.map(({ rule, severity, environment, violation, owner, isMade }): AuditFinding => {
      const { object, path, message } = violation;
      return {
        kind: 'policy',
        rule,
        severity,
        environment,
        object: owner,
        message: isMade ? `${object.id.kind} ${object.id.name}${others}, which it made: ${message}` : message,
        ...(path.length > 0 && { fields: [{ path: path.join('.') }] }),
      };
    });
    return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
  });
}

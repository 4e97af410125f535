import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asAdmitted } from '../../scripts/check/admission/defaults.ts';
import { policyViolations } from '../../scripts/check/admission/gate.ts';
import { type Policy, readPolicies } from '../../scripts/check/admission/policy.ts';
import { type Resource, type Resources, resourceKey } from '../../scripts/check/admission/resources.ts';
import { checkConformance } from '../../scripts/check/conformance.ts';
import { examplesOf, exampleTargets, renderExample } from '../../scripts/check/examples.ts';
import { isMap, type JsonMap, type RenderedObject } from '../../scripts/check/model.ts';
import { findKustomize } from '../../scripts/check/programs.ts';
import { renderKustomization } from '../../scripts/check/render.ts';
import { servedKinds } from '../../scripts/check/schemas/served-kinds.ts';
import { schemaStore } from '../../scripts/check/schemas/store.ts';
import { policiesTarget } from '../../scripts/check/targets.ts';
import { YamlFiles } from '../../scripts/check/yaml/yaml-files.ts';
import { repoRoot } from '../../scripts/paths.ts';
import { otherThanAdmitted } from './admitted.ts';
import type { ApiServer } from './api-server.ts';
import { namespaces, prepareCluster } from './cluster.ts';
import { mutantsOf } from './mutants.ts';
import { denialSentence, sentences, warnedSentences } from './sentences.ts';

type Case = { what: string; object: RenderedObject };

/** What the check has read: the policies, and what it knows of the API. */
type Gate = { policies: Policy[]; resources: Resources };

/** What was changed in an object on which the gates differ, and what each said. */
export type Difference = { what: string; check: string[]; cluster: string[] };

export type Comparison = {
  /** Objects on which both gates gave a verdict, and how many of these were denied. */
  judged: number;
  denied: number;
  /** Objects that kube-apiserver refused before any policy: the check's schemas did too, or it alone. */
  malformed: number;
  refusedByClusterAlone: number;
  differences: Difference[];
};

/**
 * Creates every example of policies/, and every mutant of policies/example, as a dry run on a cluster, and compares
 * what kube-apiserver says with what the check says: verdict, rules, messages, and the object as it was admitted.
 */
export async function compareGates(api: ApiServer): Promise<Comparison> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-differential-'));
  try {
    const kustomize = await findKustomize(() => {});
    const served = await servedKinds(await schemaStore());
    const folder = path.join(scratch, 'policies');
    const rendered = await renderKustomization(kustomize, policiesTarget(repoRoot), folder, new YamlFiles());
    const gate = {
      policies: readPolicies(rendered.objects).policies,
      resources: served.resources,
    };
    const cases = await generate(kustomize, scratch, gate);
    const objects = cases.map(({ object }) => object);
    const conformance = checkConformance(served, objects);
    const malformed = new Set(conformance.violations.map(({ object }) => object));
    await prepareCluster(api, rendered.objects, objects);
    const found: Comparison = {
      judged: 0,
      denied: 0,
      malformed: 0,
      refusedByClusterAlone: 0,
      differences: [],
    };
    // Most mutants are of a wrong type, which takes no policy to refuse: some of them do.
    let nth = 0;
    const queue = cases
      .filter(({ object }) => {
        nth += malformed.has(object) ? 1 : 0;
        return !malformed.has(object) || nth % 10 === 0;
      })
      .values();
    const work = async () => {
      for (const one of queue) {
        await compare(one, gate, api, malformed.has(one.object), found);
      }
    };
    await Promise.all([work(), work(), work(), work()]);
    return found;
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function generate(kustomize: string, scratch: string, gate: Gate): Promise<Case[]> {
  const { namespace } = exampleTargets(repoRoot);
  const { objects: example } = await renderExample(namespace, kustomize, scratch);
  const cases = example.map((object) => ({ what: `${object.id.kind} ${object.id.name}`, object }));
  for (const { rule } of gate.policies) {
    for (const { kind, patch } of await examplesOf(repoRoot, rule.id)) {
      const { objects } = await renderExample(namespace, kustomize, scratch, patch);
      cases.push(...objects.map((object) => ({ what: `${rule.id} ${kind}: ${object.id.kind}`, object })));
    }
  }
  for (const object of example) {
    const resource = resourceOf(object, gate);
    const surroundings = {
      find: () => example.filter(({ id }) => id.name === 'policy-parameters'),
      namespace: {},
      partial: false,
    };
    const request = {
      object,
      admitted: () => asAdmitted(object.value),
      resource,
      namespaceLabels: undefined,
    };
    const mutants = mutantsOf(object.value, request, gate.policies, surroundings);
    cases.push(
      ...mutants.map(({ what, value }) => ({
        what: `${object.id.name} ${what}`,
        object: { ...object, value },
      })),
    );
  }
  // Examples share most of their objects.
  return [...new Map(cases.map((one) => [JSON.stringify(one.object.value), one])).values()];
}

async function compare(
  { what, object }: Case,
  gate: Gate,
  api: ApiServer,
  malformed: boolean,
  found: Comparison,
): Promise<void> {
  const resource = resourceOf(object, gate);
  const here = moved(object, namespaces.deny);
  const answer = await api.create(resource, namespaces.deny, here.value);
  const denial = denialSentence(answer);
  if (answer.status >= 400 && denial === undefined) {
    found[malformed ? 'malformed' : 'refusedByClusterAlone'] += 1;
    return;
  }
  const around = [namespaces.object, namespaces.parameters].map((value) => surrounding(value, object));
  const violations = policyViolations([here, ...around], gate.policies, gate.resources).violations.filter(
    (violation) => violation.object.value === here.value || violation.object.id === here.id,
  );
  const check = sentences(violations.map(({ policy, message }) => [policy.rule.id, message] as const));
  found.judged += 1;
  found.denied += denial === undefined ? 0 : 1;
  const verdict = denial === undefined ? [] : [denial];
  const stops = violations.some(({ actions }) => actions.includes('Deny'));
  // A Namespace is in no namespace that could have the bindings which only warn.
  const cluster = resource.namespaced
    ? warnedSentences(await api.create(resource, namespaces.warn, moved(object, namespaces.warn).value))
    : verdict;
  const agreed =
    (denial !== undefined) === stops &&
    verdict.every((sentence) => check.includes(sentence)) &&
    JSON.stringify(check) === JSON.stringify(cluster);
  if (!agreed) {
    found.differences.push({
      what,
      check,
      cluster: [...(denial === undefined ? ['admitted'] : ['denied']), ...cluster],
    });
  }
  if (answer.status < 400) {
    const other = otherThanAdmitted(asAdmitted(here.value), answer.body);
    if (other.length > 0) {
      found.differences.push({ what: `${what}, as admitted`, check: [], cluster: other });
    }
  }
}

function resourceOf({ apiVersion, id }: RenderedObject, { resources }: Gate): Resource {
  const resource = resources.get(resourceKey(apiVersion, id.kind));
  if (resource === undefined) {
    throw new Error(`no resource for ${apiVersion} ${id.kind}`);
  }
  return resource;
}

/** The object in another namespace, as an overlay's. */
function moved(object: RenderedObject, namespace: string): RenderedObject {
  const value = structuredClone(object.value);
  const inner = JSON.parse(
    JSON.stringify(value).replaceAll('"namespace":"example"', JSON.stringify({ namespace }).slice(1, -1)),
  ) as JsonMap;
  const id = object.id.namespace === '' ? object.id : { ...object.id, namespace };
  return { ...object, target: environment, id, value: inner };
}

const environment = { role: 'environment', environment: 'differential', dir: repoRoot } as const;

function surrounding(value: JsonMap, like: RenderedObject): RenderedObject {
  const metadata = isMap(value.metadata) ? value.metadata : {};
  const id = {
    kind: String(value.kind),
    namespace: String(metadata.namespace ?? ''),
    name: String(metadata.name),
  };
  return { ...like, target: environment, apiVersion: 'v1', id, value };
}

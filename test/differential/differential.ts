import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asAdmitted } from '../../scripts/check/admission/defaults.ts';
import { policyViolations } from '../../scripts/check/admission/gate.ts';
import { readPolicies } from '../../scripts/check/admission/policy.ts';
import { checkConformance } from '../../scripts/check/conformance.ts';
import {
  isMap,
  type JsonMap,
  maps,
  type RenderedObject,
  text,
  type Violation,
} from '../../scripts/check/model.ts';
import { findKustomize } from '../../scripts/check/programs.ts';
import { renderKustomization } from '../../scripts/check/render.ts';
import { servedKinds } from '../../scripts/check/schemas/served-kinds.ts';
import { schemaStore } from '../../scripts/check/schemas/store.ts';
import { policiesTarget } from '../../scripts/check/targets.ts';
import { faultsOf } from '../../scripts/check/validation/invalid-objects.ts';
import { YamlFiles } from '../../scripts/check/yaml/yaml-files.ts';
import { repoRoot } from '../../scripts/paths.ts';
import { otherThanAdmitted } from './admitted.ts';
import type { Answer, ApiServer } from './api-server.ts';
import { type Case, type Gate, generateCases, resourceOf } from './cases.ts';
import { namespaces, prepareCluster } from './cluster.ts';
import { denialSentence, sentences, warnedSentences } from './sentences.ts';

/** What was changed in an object on which the gates differ, and what each said. */
export type Difference = { what: string; check: string[]; cluster: string[] };

export type Comparison = {
  /** Objects on which the policies of both gates gave a verdict, and how many of these were denied. */
  judged: number;
  denied: number;
  /** Objects that both gates refuse before any policy: for their schema, or for what is beyond it. */
  malformed: number;
  /** Objects that the cluster alone refuses before any policy, with its words. The check promises no more than it says. */
  refusedByClusterAlone: { what: string; message: string }[];
  /** Objects that other admission plugins refuse: a ServiceAccount that is not there, pod security. */
  refusedByOthers: number;
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
    const cases = await generateCases(kustomize, scratch, gate);
    const objects = cases.map(({ object }) => object);
    const conformance = checkConformance(served, objects);
    const malformed = Map.groupBy(conformance.violations, ({ object }) => object);
    await prepareCluster(api, rendered.objects, objects);
    const found: Comparison = {
      judged: 0,
      denied: 0,
      malformed: 0,
      refusedByClusterAlone: [],
      refusedByOthers: 0,
      differences: [],
    };
    const queue = cases.values();
    const work = async () => {
      for (const one of queue) {
        await compare(one, gate, api, refusals(one.object, malformed), found);
      }
    };
    await Promise.all([work(), work(), work(), work()]);
    return found;
  } finally {
    await rm(scratch, { recursive: true });
  }
}

/** What the check refuses an object for before any policy. */
type Refusal = { field: string; message: string; named: boolean };

function refusals(object: RenderedObject, malformed: Map<RenderedObject, Violation[]>): Refusal[] {
  const departures = malformed.get(object);
  return departures === undefined
    ? faultsOf(object).map(({ field, message, by }) => ({ field, message, named: by === undefined }))
    : departures.map(({ path, message }) => ({ field: path.join('.'), message, named: false }));
}

/** The fields that the check names and kube-apiserver does not. */
function otherFields(what: string, refused: Refusal[], { body }: Answer): Difference[] {
  const causes = isMap(body.details) ? maps(body.details.causes) : [];
  // A slip of its own.
  const theirs = causes.map(({ field }) => text(field).replace('downwarAPI', 'downwardAPI'));
  const others = refused.filter(({ field, named }) => named && !theirs.includes(field));
  return theirs.length === 0 || others.length === 0
    ? []
    : [
        {
          what,
          check: others.map(({ field, message }) => `${field}: ${message}`),
          cluster: causes.map(({ field, message }) => `${text(field)}: ${text(message)}`),
        },
      ];
}

async function compare(
  { what, object }: Case,
  gate: Gate,
  api: ApiServer,
  refused: Refusal[],
  found: Comparison,
): Promise<void> {
  const resource = resourceOf(object, gate);
  const isOperators = resource.group.endsWith('.cnpg.io');
  if (isOperators && /: (absent|""|\{\})$/.test(what)) {
    // Its webhook fills in what is missing before the policies see it.
    return;
  }
  const here = moved(object, namespaces.deny);
  const answer = await api.create(resource, namespaces.deny, here.value);
  const denial = denialSentence(answer);
  if (answer.status >= 400 && denial === undefined) {
    const message = String(answer.body.message);
    if (refused.length > 0) {
      found.malformed += 1;
      found.differences.push(...otherFields(what, refused, answer));
    } else if (answer.status === 400 || answer.status === 422) {
      found.refusedByClusterAlone.push({ what, message });
    } else {
      found.refusedByOthers += 1;
    }
    return;
  }
  if (refused.length > 0 && isOperators) {
    // A custom resource is validated after admission, and after a webhook has written it anew.
    found.malformed += 1;
    return;
  }
  if (refused.length > 0) {
    const check = refused.map(({ field, message }) => `${field}: ${message}`);
    found.differences.push({ what, check, cluster: [denial === undefined ? 'admitted' : 'well-formed'] });
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
  // What an operator's own webhooks fill in is no default of the API.
  if (answer.status < 400 && !isOperators) {
    const other = otherThanAdmitted(asAdmitted(here.value), answer.body);
    if (other.length > 0) {
      found.differences.push({ what: `${what}, as admitted`, check: [], cluster: other });
    }
  }
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

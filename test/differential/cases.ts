import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { asAdmitted } from '../../scripts/check/admission/defaults.ts';
import type { Policy } from '../../scripts/check/admission/policy.ts';
import { type Resource, type Resources, resourceKey } from '../../scripts/check/admission/resources.ts';
import { examplesOf, exampleTargets, renderExample } from '../../scripts/check/examples.ts';
import { type FieldPath, isMap, type Json, type RenderedObject, valueAt } from '../../scripts/check/model.ts';
import { renderedObject } from '../../scripts/check/render.ts';
import { repoRoot } from '../../scripts/paths.ts';
import { boundaryMutants } from './boundaries.ts';
import { mutantsOf } from './mutants.ts';

/** An object that both gates are asked of, and what was changed in it. */
export type Case = { what: string; object: RenderedObject };

/** What the check has read: the policies, and what it knows of the API. */
export type Gate = { policies: Policy[]; resources: Resources };

/** The examples of every policy, the objects of objects.yaml, and mutants of both. */
export async function generateCases(kustomize: string, scratch: string, gate: Gate): Promise<Case[]> {
  const { namespace } = exampleTargets(repoRoot);
  const { objects: example } = await renderExample(namespace, kustomize, scratch);
  const cases = example.map((object) => ({ what: `${object.id.kind} ${object.id.name}`, object }));
  for (const { rule } of gate.policies) {
    for (const { kind, patch } of await examplesOf(repoRoot, rule.id)) {
      const { objects } = await renderExample(namespace, kustomize, scratch, patch);
      cases.push(...objects.map((object) => ({ what: `${rule.id} ${kind}: ${object.id.kind}`, object })));
    }
  }
  const around = example.filter(({ id }) => id.name === 'policy-parameters');
  cases.push(...example.flatMap((object) => policyMutants(object, around, gate)));
  const rich = await furtherObjects(gate);
  cases.push(...rich.map((object) => ({ what: `${object.id.kind} ${object.id.name}`, object })));
  for (const object of [...example, ...rich]) {
    const mutants = boundaryMutants(object.value, rich.includes(object) ? () => false : isInPod);
    cases.push(
      ...mutants.map(({ what, value }) => ({
        what: `${object.id.kind} ${object.id.name} ${what}`,
        object: { ...object, value },
      })),
    );
  }
  // Examples share most of their objects.
  const different = new Map(cases.map((one) => [JSON.stringify(one.object.value), one]));
  return [...different.values()].filter(({ object }) => !takesDefaultClass(object));
}

/** A claim without a class has the cluster's default class before a policy sees it, which no render knows. */
function takesDefaultClass({ id, value }: RenderedObject): boolean {
  return (
    id.kind === 'PersistentVolumeClaim' && (valueAt(value, ['spec', 'storageClassName']) ?? null) === null
  );
}

/** Pods are the same in every workload: those of objects.yaml have all their fields. */
function isInPod(steps: FieldPath): boolean {
  return /(^|\.)(containers|initContainers|volumes)\./.test(`${steps.join('.')}.`);
}

function policyMutants(object: RenderedObject, around: RenderedObject[], gate: Gate): Case[] {
  const request = {
    object,
    admitted: () => asAdmitted(object.value),
    resource: resourceOf(object, gate),
    namespaceLabels: undefined,
  };
  const surroundings = { find: () => around, namespace: {}, partial: false };
  return mutantsOf(object.value, request, gate.policies, surroundings).map(({ what, value }) => ({
    what: `${object.id.name} ${what}`,
    object: { ...object, value },
  }));
}

async function furtherObjects(gate: Gate): Promise<RenderedObject[]> {
  const file = path.join(import.meta.dirname, 'objects.yaml');
  const target = { role: 'environment', environment: 'differential', dir: repoRoot } as const;
  return parseAllDocuments(await readFile(file, 'utf8'))
    .map((document) => document.toJS() as Json)
    .filter(isMap)
    .map((value) => {
      const object = renderedObject(target, value, file);
      const { namespaced } = resourceOf(object, gate);
      const metadata = isMap(value.metadata) ? value.metadata : {};
      return namespaced
        ? renderedObject(target, { ...value, metadata: { ...metadata, namespace: 'example' } }, file)
        : object;
    });
}

/** How the API serves an object. @throws for a kind that it does not serve */
export function resourceOf({ apiVersion, id }: RenderedObject, { resources }: Gate): Resource {
  const resource = resources.get(resourceKey(apiVersion, id.kind));
  if (resource === undefined) {
    throw new Error(`no resource for ${apiVersion} ${id.kind}`);
  }
  return resource;
}

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { exemptionAnnotation } from '../admission/idle.ts';
import type { Resources } from '../admission/resources.ts';
import { isMap, type JsonMap, maps, type RenderedObject, text } from '../model.ts';
import { reachable } from '../tree.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';
import type { Exemption } from './exemptions.ts';
import { namespacesOf } from './namespaces.ts';
import { amongNamespaces, matching, nameOf, selectorOf, warnedNamespaces, warning } from './warned.ts';

const bindingKind = 'ValidatingAdmissionPolicyBinding';

/** The component that policies/ lists, relative to the root: what exemptions and warned environments are to the cluster. */
const exemptedFolder = 'policies/exempted';

const note = (sources: string) =>
  `# Made from ${sources} by \`npm run check -- --write\`: change that, not this.\n`;

/**
 * The files of the component, by path relative to the root. The policy's bindings leave the objects out everywhere,
 * and a binding for each holds it in all namespaces but those of the environments that it is exempted in. All of these
 * leave out the namespaces of warned environments, in which a copy of each warns.
 * @param warned the environments in which the policies only warn
 * @param objects what the environments render, which says the namespaces
 */
export function exemptedFiles(
  exemptions: Exemption[],
  warned: string[],
  bindings: JsonMap[],
  resources: Resources,
  objects: RenderedObject[],
): Map<string, string> {
  const warnedIn = warnedNamespaces(warned, objects);
  const patches: JsonMap[] =
    warnedIn.length === 0 ? [] : [notIn(warnedIn), ...ownSelectors(bindings, warnedIn)];
  const elsewhere: JsonMap[] = [];
  const copies: JsonMap[] = [];
  for (const binding of bindings) {
    const { apiVersion = '', kind = '' } = binding;
    const spec = isMap(binding.spec) ? binding.spec : {};
    const name = nameOf(binding);
    const own = exemptions.filter(({ rule }) => rule === spec.policyName);
    const byObject = Map.groupBy(own, ({ kind, name }) => `${kind}/${name}`);
    const rules = [...byObject].map(([object, exempted]) => ({
      object,
      exempted,
      rule: resourceRule(object, resources),
    }));
    const excludeResourceRules = rules.map(({ rule }) => rule);
    if (warnedIn.length > 0) {
      const left = rules.length === 0 ? {} : { excludeResourceRules };
      copies.push(warning(matching(binding, left), warnedIn));
    }
    if (rules.length === 0) {
      continue;
    }
    const patch = {
      apiVersion,
      kind,
      metadata: { name },
      spec: { matchResources: { excludeResourceRules } },
    };
    patches.push({ patch: stringify(patch) });
    for (const { object, exempted, rule } of rules) {
      const environments = [...new Set(exempted.map(({ environment }) => environment))].sort();
      const namespaces = exempted.flatMap((exemption) => namespacesOf(exemption, objects));
      const held = {
        apiVersion,
        kind,
        metadata: {
          name: `${name}.${object.replace('/', '.').toLowerCase()}`,
          annotations: {
            [exemptionAnnotation]: `${text(spec.policyName)} for ${object} in ${environments.join(', ')}`,
          },
        },
        spec: {
          policyName: text(spec.policyName),
          ...(spec.paramRef !== undefined && { paramRef: spec.paramRef }),
          validationActions: spec.validationActions ?? [],
          matchResources: {
            resourceRules: [rule],
            namespaceSelector: amongNamespaces({}, 'NotIn', [...new Set(namespaces)].sort()),
          },
        },
      };
      elsewhere.push(
        warnedIn.length === 0
          ? held
          : matching(held, { namespaceSelector: amongNamespaces(selectorOf(held), 'NotIn', warnedIn) }),
      );
      if (warnedIn.some((namespace) => !namespaces.includes(namespace))) {
        copies.push(warning(held, warnedIn));
      }
    }
  }
  const sources =
    warnedIn.length === 0 ? '../exemptions.yaml' : '../exemptions.yaml and ../environments.yaml';
  const lists = Object.entries({ 'elsewhere.yaml': elsewhere, 'warned.yaml': copies }).filter(
    ([, list]) => list.length > 0,
  );
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1alpha1',
    kind: 'Component',
    resources: lists.map(([name]) => name),
    ...(patches.length > 0 && { patches }),
  };
  return new Map([
    [`${exemptedFolder}/kustomization.yaml`, note(sources) + stringify(kustomization)],
    ...lists.map(([name, list]): [string, string] => {
      const documents = list.map((binding) => stringify(binding, { lineWidth: 0 }));
      return [`${exemptedFolder}/${name}`, note(sources) + documents.join('---\n')];
    }),
  ]);
}

/** All that people wrote, out of the namespaces in which copies of it warn. */
function notIn(namespaces: string[]): JsonMap {
  return {
    target: { kind: bindingKind, annotationSelector: `!${exemptionAnnotation}` },
    patch: stringify({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: bindingKind,
      metadata: { name: 'every-binding' },
      spec: { matchResources: { namespaceSelector: amongNamespaces({}, 'NotIn', namespaces) } },
    }),
  };
}

/** A patch takes the place of a whole list of expressions: what a binding says itself is said again. */
function ownSelectors(bindings: JsonMap[], namespaces: string[]): JsonMap[] {
  return bindings
    .filter((binding) => maps(selectorOf(binding).matchExpressions).length > 0)
    .map(({ apiVersion = '', kind = '', ...binding }) => {
      const namespaceSelector = amongNamespaces(selectorOf(binding), 'NotIn', namespaces);
      const patch = {
        apiVersion,
        kind,
        metadata: { name: nameOf(binding) },
        spec: { matchResources: { namespaceSelector } },
      };
      return { patch: stringify(patch) };
    });
}

/**
 * The bindings that people wrote and that policies/ lists, from the files themselves: the render has the generated ones
 * too, and needs them to be in order.
 */
export async function writtenBindings(root: string, files: YamlFiles): Promise<JsonMap[]> {
  const tree = await reachable(path.join(root, 'policies'), files);
  const listed = tree
    .filter(({ dir }) => path.relative(root, dir) !== exemptedFolder)
    .flatMap(({ references }) =>
      references.filter(({ kind, field }) => kind === 'file' && field === 'resources'),
    );
  const values = await Promise.all(
    [...new Set(listed.map(({ to }) => to))].sort().map(async (file) => (await files.read(file)).values()),
  );
  return values
    .flat()
    .filter(isMap)
    .filter(({ kind }) => kind === bindingKind);
}

/** The files that are not as they should be: other text, missing, or of an exemption that is gone. */
export async function staleFiles(root: string, wanted: Map<string, string>): Promise<string[]> {
  const known = ['kustomization.yaml', 'elsewhere.yaml', 'warned.yaml'].map(
    (name) => `${exemptedFolder}/${name}`,
  );
  const stale = await Promise.all(
    known.map(async (file) => {
      const there = await readFile(path.join(root, file), 'utf8').catch(() => undefined);
      return there === wanted.get(file) ? [] : [file];
    }),
  );
  return stale.flat();
}

/** What matches requests for one object, and for its subresources, such as scale. */
function resourceRule(object: string, resources: Resources): JsonMap {
  const [kind = '', name = ''] = object.split('/');
  const served = [...resources].find(([key]) => key.endsWith(` ${kind}`))?.[1];
  const plural = served?.name ?? `${kind.toLowerCase()}s`;
  return {
    apiGroups: [served?.group ?? ''],
    apiVersions: ['*'],
    operations: ['*'],
    resources: [plural, `${plural}/*`],
    resourceNames: [name],
  };
}

import { glob } from 'node:fs/promises';
import path from 'node:path';
import { exemptionAnnotation } from '../admission/idle.ts';
import { isOfStage } from '../graph/order.ts';
import { listed } from '../graph/outside.ts';
import { isMap, type JsonMap, maps, type RenderedObject, text, type Violation, valueAt } from '../model.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';
import { namespaceOf } from './namespaces.ts';

/**
 * On the bindings, by policies/environments.yaml: the environments in which what breaks a policy is warned of and let
 * through, separated by commas. A name stands for the environments below it too.
 */
const warnedAnnotation = 'quotes.check/warned';

const at = ['metadata', 'annotations', warnedAnnotation];

/** The environments that are only warned, as the files say: the render has what was made of it before. */
export async function warnedEnvironments(root: string, files: YamlFiles): Promise<string[]> {
  const found = await Array.fromAsync(glob('policies/*.yaml', { cwd: root }));
  const values = await Promise.all(
    found.sort().map(async (file) => (await files.read(path.join(root, file))).values()),
  );
  return values
    .flat()
    .filter(isMap)
    .flatMap((value) => listed(said(value)));
}

/** The namespaces that the cluster knows warned environments by: those of their renders. */
export function warnedNamespaces(warned: string[], objects: RenderedObject[]): string[] {
  const namespaces = warned.flatMap((stage) => {
    const own = objects.filter(({ target }) => isOfStage(target.environment, stage)).map(namespaceOf);
    return own.length > 0 ? own : [stage];
  });
  return [...new Set(namespaces)].filter((name) => name !== '').sort();
}

/** What selects those of a selector's namespaces that have one of the names, or none of them. */
export function amongNamespaces(selector: JsonMap, operator: 'In' | 'NotIn', names: string[]): JsonMap {
  const expression = { key: 'kubernetes.io/metadata.name', operator, values: names };
  return { ...selector, matchExpressions: [...maps(selector.matchExpressions), expression] };
}

/** The namespaces that a binding selects by itself. */
export function selectorOf(binding: JsonMap): JsonMap {
  const found = valueAt(binding, ['spec', 'matchResources', 'namespaceSelector']);
  return isMap(found) ? found : {};
}

/** A binding with more said of what it matches. */
export function matching(binding: JsonMap, more: JsonMap): JsonMap {
  const spec = isMap(binding.spec) ? binding.spec : {};
  const matchResources = isMap(spec.matchResources) ? spec.matchResources : {};
  return { ...binding, spec: { ...spec, matchResources: { ...matchResources, ...more } } };
}

/** A binding's copy for the namespaces in which it only warns. */
export function warning(binding: JsonMap, namespaces: string[]): JsonMap {
  const copy = matching(binding, {
    namespaceSelector: amongNamespaces(selectorOf(binding), 'In', namespaces),
  });
  const spec = isMap(copy.spec) ? copy.spec : {};
  const { policyName, validationActions } = spec;
  const actions = Array.isArray(validationActions) && validationActions.includes('Audit') ? ['Audit'] : [];
  return {
    ...copy,
    metadata: {
      name: `${nameOf(binding)}.warned`,
      annotations: { [exemptionAnnotation]: `${text(policyName)} only warns in ${namespaces.join(', ')}` },
    },
    spec: { ...spec, validationActions: ['Warn', ...actions] },
  };
}

/** A binding's own name. */
export function nameOf({ metadata }: JsonMap): string {
  return isMap(metadata) ? text(metadata.name) : '';
}

/** What of the warned environments is not so: one that is not there, or whose namespace is another's too. */
export function warnedViolations(
  policies: RenderedObject[],
  objects: RenderedObject[],
  environments: string[],
): Violation[] {
  const object = policies.find(({ value }) => said(value) !== '');
  const warned = listed(object === undefined ? '' : said(object.value));
  if (object === undefined) {
    return [];
  }
  const namespaces = warnedNamespaces(warned, objects);
  const others = objects.filter(
    ({ target }) =>
      target.role === 'environment' && !warned.some((stage) => isOfStage(target.environment, stage)),
  );
  const shared = new Map(
    others
      .filter((other) => namespaces.includes(namespaceOf(other)))
      .map((other) => [`${namespaceOf(other)} ${other.target.environment}`, other]),
  );
  return [
    ...warned
      .filter((stage) => !environments.some((name) => isOfStage(name, stage)))
      .map((stage) => `${stage} is in ${warnedAnnotation}, and no environment is called so`),
    ...[...shared.values()].map(
      (other) =>
        `the cluster cannot only warn in ${warned.join(', ')}: ` +
        `${other.target.environment} is in namespace ${namespaceOf(other)} too`,
    ),
  ].map((message) => ({ object, path: at, message }));
}

function said(value: JsonMap): string {
  const found = valueAt(value, at);
  return value.kind === 'ValidatingAdmissionPolicyBinding' && typeof found === 'string' ? found : '';
}

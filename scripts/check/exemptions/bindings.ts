import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { exemptionAnnotation } from '../admission/idle.ts';
import type { Resources } from '../admission/resources.ts';
import { isMap, type JsonMap, type RenderedObject, text } from '../model.ts';
import { isExample } from '../sources.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';
import type { Exemption } from './exemptions.ts';
import { namespacesOf } from './namespaces.ts';

/** The component that policies/ lists, relative to the root: what exemptions are to the cluster. */
const exemptedFolder = 'policies/exempted';

const note = '# Made from ../exemptions.yaml by `npm run check -- --write`: change that, not this.\n';

/**
 * The files of the component, by path relative to the root. The policy's bindings leave the objects out everywhere,
 * and a binding for each holds it in all namespaces but those of the environments that it is exempted in.
 * @param objects what the environments render, which says the namespaces
 */
export function exemptedFiles(
  exemptions: Exemption[],
  bindings: JsonMap[],
  resources: Resources,
  objects: RenderedObject[],
): Map<string, string> {
  const patches: { patch: string }[] = [];
  const elsewhere: JsonMap[] = [];
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
    if (rules.length === 0) {
      continue;
    }
    const patch = {
      apiVersion,
      kind,
      metadata: { name },
      spec: { matchResources: { excludeResourceRules: rules.map(({ rule }) => rule) } },
    };
    patches.push({ patch: stringify(patch) });
    for (const { object, exempted, rule } of rules) {
      const environments = [...new Set(exempted.map(({ environment }) => environment))].sort();
      const namespaces = exempted.flatMap((exemption) => namespacesOf(exemption, objects));
      elsewhere.push({
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
            namespaceSelector: {
              matchExpressions: [
                {
                  key: 'kubernetes.io/metadata.name',
                  operator: 'NotIn',
                  values: [...new Set(namespaces)].sort(),
                },
              ],
            },
          },
        },
      });
    }
  }
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1alpha1',
    kind: 'Component',
    resources: elsewhere.length > 0 ? ['elsewhere.yaml'] : [],
    ...(patches.length > 0 && { patches }),
  };
  const files = new Map([[`${exemptedFolder}/kustomization.yaml`, note + stringify(kustomization)]]);
  if (elsewhere.length > 0) {
    const documents = elsewhere.map((binding) => stringify(binding, { lineWidth: 0 }));
    files.set(`${exemptedFolder}/elsewhere.yaml`, note + documents.join('---\n'));
  }
  return files;
}

/**
 * The bindings that people wrote, from the files themselves: the render has the generated ones too, and needs them to
 * be in order.
 */
export async function writtenBindings(root: string, files: YamlFiles): Promise<JsonMap[]> {
  const found = await Array.fromAsync(glob('policies/*/*.yaml', { cwd: root }));
  const texts = await Promise.all(
    found
      .filter((file) => !file.startsWith(`${exemptedFolder}/`) && !isExample(file))
      .sort()
      .map(async (file) => (await files.read(path.join(root, file))).values()),
  );
  return texts
    .flat()
    .filter(isMap)
    .filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
}

/** The files that are not as they should be: other text, missing, or of an exemption that is gone. */
export async function staleFiles(root: string, wanted: Map<string, string>): Promise<string[]> {
  const known = ['kustomization.yaml', 'elsewhere.yaml'].map((name) => `${exemptedFolder}/${name}`);
  const stale = await Promise.all(
    known.map(async (file) => {
      const there = await readFile(path.join(root, file), 'utf8').catch(() => undefined);
      return there === wanted.get(file) ? [] : [file];
    }),
  );
  return stale.flat();
}

function nameOf({ metadata }: JsonMap): string {
  return isMap(metadata) ? text(metadata.name) : '';
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

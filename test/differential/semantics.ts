import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { policyViolations } from '../../scripts/check/admission/gate.ts';
import { readPolicies } from '../../scripts/check/admission/policy.ts';
import { isMap, type JsonMap, type RenderedObject, text } from '../../scripts/check/model.ts';
import { servedKinds } from '../../scripts/check/schemas/served-kinds.ts';
import { schemaStore } from '../../scripts/check/schemas/store.ts';
import { parseOutput } from '../../scripts/check/yaml/yaml-files.ts';
import type { ApiServer } from './api-server.ts';
import { applyNamespaces, namespaces, untilInForce } from './cluster.ts';
import type { Difference } from './differential.ts';
import { denialSentence, sentences, warnedSentences } from './sentences.ts';

const data = {
  a: 'alpha',
  number: '1.5',
  empty: '',
  unicode: 'xäö😀',
  spaced: ' 1',
  big: '9223372036854775808',
};

/** What the policies of semantics.yaml are held to. */
const configMaps: JsonMap[] = [
  { metadata: { name: 'plain' }, data },
  { metadata: { name: 'named', labels: { tier: 'a' } }, data },
  { metadata: { name: 'other', labels: { tier: 'b' } }, data },
  { metadata: { name: 'third', labels: { tier: 'c' } }, data, immutable: true },
  { metadata: { name: 'without' } },
].map((value) => ({ apiVersion: 'v1', kind: 'ConfigMap', ...value }));

const parameters = (namespace: string, name: string, labels: JsonMap): JsonMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels },
  data: { number: name.length.toString() },
});

/**
 * Holds ConfigMaps to policies that each show one piece of what a ValidatingAdmissionPolicy means, and one expression
 * of CEL after the other, by both gates.
 */
export async function compareSemantics(
  api: ApiServer,
): Promise<{ judged: number; differences: Difference[] }> {
  const file = path.join(import.meta.dirname, 'semantics.yaml');
  const policyObjects = parseOutput(await readFile(file, 'utf8')).filter(isMap);
  const { policies, refusals } = readPolicies(policyObjects.map((value) => rendered(value)));
  const refused = refusals.map(({ message }) => ({ what: 'refused at load', check: [message], cluster: [] }));
  const given = [
    parameters(namespaces.warn, 'parameters-one', { parameters: 'some' }),
    parameters(namespaces.warn, 'parameters-more', { parameters: 'some' }),
    parameters(namespaces.deny, 'parameters-two', {}),
  ];
  await applyNamespaces(api);
  await api.apply(given);
  await api.apply(policyObjects);
  const [probe = {}] = configMaps;
  await untilInForce(api, forCase(probe, 'exact'));
  const resources = (await servedKinds(await schemaStore())).resources;
  const differences: Difference[] = [...refused];
  const around = [namespaces.warnObject, ...given].map((value) => rendered(value));
  const resource = resources.get('v1 ConfigMap');
  if (resource === undefined) {
    throw new Error('the API has no ConfigMaps');
  }
  for (const { rule, bindings } of policies) {
    for (const configMap of configMaps) {
      const value = forCase(configMap, rule.id.replace('semantics-', ''));
      const object = rendered(value, namespaces.warn);
      const answer = await api.create(resource, namespaces.warn, value);
      const denial = denialSentence(answer);
      const cluster = [...warnedSentences(answer), ...(denial === undefined ? [] : [denial])];
      const violations = policyViolations([object, ...around], policies, resources).violations.filter(
        (violation) => violation.object.id === object.id,
      );
      const check = sentences(
        violations.map(
          ({ policy, message }) =>
            [policy.rule.id, message.replaceAll(namespaces.warn, namespaces.deny)] as const,
        ),
      );
      if (JSON.stringify(check) !== JSON.stringify(cluster)) {
        differences.push({ what: `${rule.id} (${bindings.length}) on ${object.id.name}`, check, cluster });
      }
    }
  }
  const validations = policies.flatMap((policy) => policy.validations).length;
  return { judged: configMaps.length * validations, differences };
}

/** Bindings select the object by its case, for the API server sends no more than 4 KiB of warnings. */
function forCase(value: JsonMap, name: string): JsonMap {
  const metadata = isMap(value.metadata) ? value.metadata : {};
  const labels = isMap(metadata.labels) ? metadata.labels : {};
  return { ...value, metadata: { ...metadata, labels: { ...labels, case: name } } };
}

function rendered(value: JsonMap, namespace?: string): RenderedObject {
  const metadata = isMap(value.metadata) ? value.metadata : {};
  const id = {
    kind: text(value.kind),
    namespace: namespace ?? text(metadata.namespace),
    name: text(metadata.name),
  };
  const target = { role: 'environment', environment: 'differential', dir: '.' } as const;
  const own = namespace === undefined ? value : { ...value, metadata: { ...metadata, namespace } };
  return { target, apiVersion: text(value.apiVersion), id, value: own, source: '' };
}

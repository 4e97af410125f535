import { setTimeout as sleep } from 'node:timers/promises';
import { isMap, type JsonMap, type RenderedObject } from '../../scripts/check/model.ts';
import { until } from '../../scripts/until.ts';
import type { ApiServer } from './api-server.ts';

const deny = 'differential-deny';
const warn = 'differential-warn';

const parameters = (namespace: string): JsonMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'policy-parameters', namespace },
  data: {
    'minimum-replicas.records': '1',
    'minimum-replicas.web': '2',
    'image-digest.tags-below': 'registry.example/built-here/',
    'node-local-storage.refused-classes': 'local-path hostpath',
  },
});

const namespace = (name: string, labels: JsonMap): JsonMap => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

const label = { 'quotes.check/differential': 'warn' };

/**
 * Two namespaces: in one the repository's own bindings hold, in the other copies of them that warn instead of
 * denying, because a denial tells one message and warnings tell all.
 */
export const namespaces = {
  deny,
  warn,
  object: namespace(deny, {
    'app.kubernetes.io/part-of': 'quotes',
    'pod-security.kubernetes.io/enforce': 'restricted',
  }),
  warnObject: namespace(warn, label),
  parameters: parameters(deny),
};

/** Creates both namespaces, with the parameters that the repository's policies read. */
export function applyNamespaces(api: ApiServer): Promise<void> {
  return api.apply([namespaces.object, namespaces.warnObject, parameters(deny), parameters(warn)]);
}

/** Applies what the comparison needs besides the policies, and waits until they are in force. */
export async function prepareCluster(
  api: ApiServer,
  policyObjects: RenderedObject[],
  objects: RenderedObject[],
): Promise<void> {
  const accounts = [
    ...new Set(objects.filter(({ id }) => id.kind === 'ServiceAccount').map(({ id }) => id.name)),
  ];
  await applyNamespaces(api);
  await api.apply([
    ...[deny, warn].flatMap((name) =>
      accounts.map((account) => ({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: account, namespace: name },
      })),
    ),
    ...policyObjects
      .filter(({ id }) => id.kind === 'ValidatingAdmissionPolicyBinding')
      // Those that warn already are copies: all said twice is more than the API server sends, 4 KiB.
      .filter(({ id }) => !id.name.endsWith('.warned'))
      .map(({ apiVersion, id, value }) => ({
        apiVersion,
        kind: id.kind,
        metadata: { name: `${warn}-${id.name}` },
        spec: {
          ...(isMap(value.spec) ? value.spec : {}),
          validationActions: ['Warn'],
          matchResources: { namespaceSelector: { matchLabels: label } },
        },
      })),
  ]);
  await untilInForce(api, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'probe' },
    data: { password: 'x' },
  });
}

/** Waits until a policy warns of a ConfigMap in the namespace for that. */
export async function untilInForce(api: ApiServer, probe: JsonMap): Promise<void> {
  const resource = { group: '', version: 'v1', name: 'configmaps', namespaced: true, otherVersions: [] };
  await until('the policies in force', async () => {
    return (await api.create(resource, warn, probe)).warnings.length > 0;
  });
  // The API server takes up bindings one after the other.
  await sleep(3000);
}

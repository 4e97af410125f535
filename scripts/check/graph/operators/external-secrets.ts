import { isMap, type JsonMap, maps, text, valueAt } from '../../model.ts';
import type { Node } from '../graph.ts';
import type { Named, Operator } from './operators.ts';

const group = 'external-secrets.io';
const externalSecret = `${group}/ExternalSecret`;

/** External Secrets Operator, from its apis/externalsecrets/v1: an ExternalSecret makes one Secret. */
export const externalSecrets: Operator = {
  makes: (node) =>
    node.kind === externalSecret ? { objects: [secretOf(node)], pods: [], arrivals: [] } : undefined,
  refersTo: (node) => (node.kind === externalSecret ? storeOf(node) : []),
  replicas: {},
};

/** Without `data` where the keys are not known: what `dataFrom` brings stands in the store alone. */
function secretOf({ object, spec }: Node): JsonMap {
  const target = isMap(spec.target) ? spec.target : {};
  const template = isMap(target.template) ? target.template : {};
  const templated = Object.keys(isMap(template.data) ? template.data : {});
  const read = maps(spec.data).map(({ secretKey }) => text(secretKey));
  // A template with data takes the place of what is read, unless it says that it adds to it.
  const adds = template.mergePolicy === 'Merge';
  const keys = templated.length === 0 ? read : adds ? [...read, ...templated] : templated;
  const isOpen = maps(spec.dataFrom).length > 0 && (templated.length === 0 || adds);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: text(target.name) || object.id.name },
    ...(isOpen ? {} : { data: Object.fromEntries(keys.map((key) => [key, ''])) }),
  };
}

/** The store, where it is the namespace's: a ClusterSecretStore is no environment's. */
function storeOf({ spec }: Node): Named[] {
  const kind = text(valueAt(spec, ['secretStoreRef', 'kind'])) || 'SecretStore';
  const name = text(valueAt(spec, ['secretStoreRef', 'name']));
  const path = ['spec', 'secretStoreRef', 'name'];
  return kind === 'SecretStore' ? [{ path, kind: `${group}/SecretStore`, name, keys: [] }] : [];
}

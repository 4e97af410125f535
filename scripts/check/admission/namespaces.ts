import { isMap, type JsonMap, type RenderedObject } from '../model.ts';
import { asAdmitted } from './defaults.ts';

/**
 * The namespaces of several renders as the cluster has them, by name. Of one that two of them apply, it has the labels and
 * annotations of both; an environment's own say goes before.
 */
export function renderedNamespaces(objects: RenderedObject[]): Map<string, JsonMap> {
  const all = objects.filter(({ id, apiVersion }) => id.kind === 'Namespace' && apiVersion === 'v1');
  const last = ({ target }: RenderedObject) => (target.role === 'environment' ? 1 : 0);
  return new Map(
    [...Map.groupBy(all, ({ id }) => id.name)].map(([name, same]) => [
      name,
      same
        .toSorted((one, other) => last(one) - last(other))
        .map(({ value }) => asAdmitted(value))
        .reduce(applied),
    ]),
  );
}

function applied(before: JsonMap, value: JsonMap): JsonMap {
  const [old, metadata] = [before.metadata, value.metadata].map((one) => (isMap(one) ? one : {}));
  const both = (field: string) => ({
    ...(isMap(old?.[field]) ? old[field] : {}),
    ...(isMap(metadata?.[field]) ? metadata[field] : {}),
  });
  return {
    ...before,
    ...value,
    metadata: { ...old, ...metadata, labels: both('labels'), annotations: both('annotations') },
  };
}

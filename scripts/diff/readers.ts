import { containersOf, type Graph, shown } from '../check/graph/graph.ts';
import { isMap, maps, type RenderedObject, valueAt } from '../check/model.ts';

/** The workloads that read a ConfigMap or Secret only when they start, by `env`, `envFrom` or `subPath`. */
export function readersAtStart(graph: Graph, { id }: RenderedObject): string[] {
  const [ref, keyRef, volume, nameField] =
    id.kind === 'Secret'
      ? (['secretRef', 'secretKeyRef', 'secret', 'secretName'] as const)
      : (['configMapRef', 'configMapKeyRef', 'configMap', 'name'] as const);
  const readers = graph.pods.filter((pod) => {
    const mounted = maps(pod.pod.volumes)
      .filter((one) => valueAt(one, [volume, nameField]) === id.name)
      .map(({ name }) => name);
    return (
      pod.object.id.namespace === id.namespace &&
      containersOf(pod).some(
        ({ container }) =>
          maps(container.envFrom).some((source) => valueAt(source, [ref, 'name']) === id.name) ||
          maps(container.env).some(
            ({ valueFrom }) => isMap(valueFrom) && valueAt(valueFrom, [keyRef, 'name']) === id.name,
          ) ||
          maps(container.volumeMounts).some(
            ({ name, subPath, subPathExpr }) =>
              mounted.includes(name ?? '') && (subPath !== undefined || subPathExpr !== undefined),
          ),
      )
    );
  });
  return [...new Set(readers.map((pod) => shown(pod)))];
}

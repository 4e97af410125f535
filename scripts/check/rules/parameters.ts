import { isMap, type RenderedObject, type Violation } from '../model.ts';

const parametersName = 'policy-parameters';
const minimumReplicas = 'minimum-replicas.';

/**
 * What one environment's parameters say, all say: a number that is missing holds nothing, and no policy can tell.
 * Each workload that a minimum names is there.
 */
export function parameterViolations(objects: RenderedObject[]): Violation[] {
  const parameters = objects.filter(
    ({ id, target }) =>
      id.kind === 'ConfigMap' && id.name === parametersName && target.role === 'environment',
  );
  const keys = new Map(
    parameters.flatMap((object) => Object.keys(dataOf(object)).map((key) => [key, object])),
  );
  return parameters.flatMap((object): Violation[] => {
    const data = dataOf(object);
    const { environment } = object.target;
    const missing = [...keys]
      .filter(([key]) => data[key] === undefined)
      .map(([key, other]) => ({
        object,
        path: ['data', key],
        message: `${environment} says nothing of ${key}, which ${other.target.environment} does`,
      }));
    const workloads = objects.filter(
      ({ id, target }) =>
        target.environment === environment && (id.kind === 'Deployment' || id.kind === 'StatefulSet'),
    );
    const absent = Object.keys(data)
      .filter((key) => key.startsWith(minimumReplicas))
      .map((key) => ({ key, name: key.slice(minimumReplicas.length) }))
      .filter(({ name }) => !workloads.some(({ id }) => id.name === name))
      .map(({ key, name }) => ({
        object,
        path: ['data', key],
        message: `${environment} has no workload ${name}, which must have ${String(data[key])} replicas`,
      }));
    return [...missing, ...absent];
  });
}

function dataOf({ value }: RenderedObject): Record<string, unknown> {
  return isMap(value.data) ? value.data : {};
}

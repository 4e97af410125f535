import { isMap, type RenderedObject, type Violation } from '../model.ts';
import type { Minimums } from '../policies.ts';

/** What an environment lacks altogether: there is no object to point at. */
export type Absence = { message: string };

/**
 * Every workload named in policies/minimums.yaml is in the environment with at least the replicas it says there;
 * where an autoscaler owns the number, its minReplicas counts.
 */
export function replicaViolations(
  environment: string,
  objects: RenderedObject[],
  { workloads }: Minimums['minimum-replicas'],
): { violations: Violation[]; absences: Absence[] } {
  const violations: Violation[] = [];
  const absences: Absence[] = [];
  for (const [name, minimums] of Object.entries(workloads)) {
    const minimum = minimums[environment];
    const workload = objects.find(
      ({ id }) => id.name === name && (id.kind === 'Deployment' || id.kind === 'StatefulSet'),
    );
    if (minimum === undefined) {
      absences.push({ message: `policies/minimums.yaml says no minimum for ${name} in ${environment}` });
    } else if (workload === undefined) {
      absences.push({
        message: `${environment} has no workload ${name}, which must have ${minimum} replicas`,
      });
    } else {
      const { object, path, count } = owner(workload, objects);
      if (count < minimum) {
        const message = `${name} has ${count} of at least ${minimum} replicas in ${environment}`;
        violations.push({ object, path, message });
      }
    }
  }
  return { violations, absences };
}

function owner(workload: RenderedObject, objects: RenderedObject[]) {
  const autoscaler = objects.find(({ id, value }) => {
    const target = isMap(value.spec) && isMap(value.spec.scaleTargetRef) ? value.spec.scaleTargetRef : {};
    const same = target.kind === workload.id.kind && target.name === workload.id.name;
    return id.kind === 'HorizontalPodAutoscaler' && same;
  });
  const object = autoscaler ?? workload;
  const path = ['spec', autoscaler === undefined ? 'replicas' : 'minReplicas'];
  const spec = isMap(object.value.spec) ? object.value.spec : {};
  const count = spec[path[1] ?? ''];
  // Both default to 1. Another type is the schema's finding.
  return { object, path, count: typeof count === 'number' ? count : 1 };
}

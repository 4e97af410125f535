import { type RenderedObject, text, type Violation } from '../model.ts';
import type { Minimums } from '../policies.ts';
import { containers, isLasting } from './workloads.ts';

/** Every container of a workload that stays up has the probes that policies/minimums.yaml requires. */
export function probeViolations(objects: RenderedObject[], { required }: Minimums['probes']): Violation[] {
  return objects.filter(isLasting).flatMap((object) =>
    containers(object).flatMap(({ container, index }) =>
      required
        .filter((probe) => container[probe] === undefined || container[probe] === null)
        .map((probe): Violation => {
          const path = ['spec', 'template', 'spec', 'containers', index, probe];
          return { object, path, message: `container ${text(container.name) || index} has no ${probe}` };
        }),
    ),
  );
}

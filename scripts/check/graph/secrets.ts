import { isMap, type Violation } from '../model.ts';
import type { Graph } from './graph.ts';
import { type GraphRule, graphRule, inWorkloads } from './rule.ts';

/** No policy: admission sees what bootstrap or an operator creates, and cannot tell it from what Git holds. */
export const secretRules: GraphRule[] = [
  graphRule(
    {
      id: 'secret-in-git',
      group: 'secrets',
      why: 'A value in Git is in its history and in every clone, base64 or not, and stays there when it is deleted.',
      fix: 'Take the value out and replace it where it is used; create the Secret outside Git, or seal it.',
    },
    inWorkloads((graph) => graph.ofKind('Secret').flatMap(values)),
  ),
];

function values({ object }: Graph['nodes'][number]): Violation[] {
  return ['data', 'stringData'].flatMap((field) => {
    const map = object.value[field];
    return Object.entries(isMap(map) ? map : {})
      .filter(([, value]) => value !== '' && value !== null)
      .map(([key]) => ({
        object,
        path: [field, key],
        message: `Secret ${object.id.name} has the value of ${key} in Git`,
      }));
  });
}

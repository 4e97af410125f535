import type { RenderedObject, Target, Violation } from '../model.ts';
import { valueAt } from '../model.ts';
import { kustomizationObject } from './applications.ts';
import { listed } from './outside.ts';

/**
 * On the bindings, by policies/environments.yaml: the environments in the order in which a change travels, separated
 * by commas. A name stands for the environments below it too: production for production/eu.
 */
const orderAnnotation = 'quotes.check/environments';

const path = ['metadata', 'annotations', orderAnnotation];

function said(object: RenderedObject): string {
  const value = valueAt(object.value, path);
  return object.id.kind === 'ValidatingAdmissionPolicyBinding' && typeof value === 'string' ? value : '';
}

/** The stages that a change travels through, as the rendered policies say; none where they say none. */
export function declaredOrder(policies: RenderedObject[]): string[] {
  return listed(policies.map(said).find((value) => value !== '') ?? '');
}

/** Whether an environment is a stage, or one of several that are. */
export function isOfStage(environment: string, stage: string): boolean {
  return environment === stage || environment.startsWith(`${stage}/`);
}

/** Where an environment comes in the order: of what is no stage's, after them all. */
export function placeIn(order: string[], environment: string): number {
  const stage = order.findIndex((one) => isOfStage(environment, one));
  return stage < 0 ? order.length : stage;
}

/** What of the order is not so: a stage that is not there, an environment that is left out, or no order of several. */
export function orderViolations(
  policies: RenderedObject[],
  target: Target & { dir: string },
  environments: string[],
): Violation[] {
  const order = declaredOrder(policies);
  const object = policies.find((binding) => said(binding) !== '') ?? kustomizationObject(target);
  if (order.length === 0) {
    const message = `no ${orderAnnotation} says in which order a change travels through ${environments.join(', ')}`;
    return policies.length === 0 || environments.length < 2 ? [] : [{ object, path: [], message }];
  }
  const absent = order.filter((stage) => !environments.some((name) => isOfStage(name, stage)));
  const left = environments.filter((name) => !order.some((stage) => isOfStage(name, stage)));
  return [
    ...absent.map((stage) => `${stage} is in ${orderAnnotation}, and no environment is called so`),
    ...left.map(
      (name) => `${name} is not in ${orderAnnotation}, so it is compared with no other environment`,
    ),
  ].map((message) => ({ object, path, message }));
}

import type { Field } from './field.ts';
import { qualifiedName } from './syntax.ts';

const native = ['cpu', 'memory', 'ephemeral-storage'];

/** The requests and limits of a container. */
export function validateResources(resources: Field, pod: Field): void {
  const [requests, limits] = [resources.at('requests'), resources.at('limits')];
  for (const [name, amount] of [...limits.entries(), ...requests.entries()]) {
    const wrong = resourceName(name);
    if (wrong !== undefined) {
      amount.fault(`"${name}" ${wrong}`);
    }
    validateAmount(name, amount);
  }
  for (const [name, amount] of requests.entries()) {
    const limit = limits.entries().find(([other]) => other === name)?.[1];
    const [asked, most] = [amount.quantity, limit?.quantity];
    const isCounted = !native.includes(name) && (name.includes('/') || name.startsWith('hugepages-'));
    if (asked !== undefined && most !== undefined && asked.compareTo(most) > 0n) {
      amount
        .as(requests.name)
        .fault(`asks for ${amount.value} of ${name}, more than the limit of ${limit?.value}`);
    } else if (isCounted && !isKubernetes(name) && most === undefined) {
      limits.fault(`needs ${name}, of which nothing can be promised twice`);
    } else if (
      isCounted &&
      !isKubernetes(name) &&
      asked !== undefined &&
      most !== undefined &&
      asked.compareTo(most) < 0n
    ) {
      amount
        .as(requests.name)
        .fault(`asks for ${amount.value} of ${name}, and must ask for its limit of ${limit?.value}`);
    }
  }
  validateClaims(resources, pod);
}

/** What is wrong with the name of what containers ask for. */
export function resourceName(name: string): string | undefined {
  const isOwn = name.includes('/') || native.includes(name) || name.startsWith('hugepages-');
  const foreign = 'is no resource of containers, and needs a prefix like example.com/';
  return qualifiedName(name) ?? (isOwn ? undefined : foreign);
}

function isKubernetes(name: string): boolean {
  return (name.split('/')[0] ?? '').endsWith('kubernetes.io') && name.includes('/');
}

function validateClaims(resources: Field, pod: Field): void {
  const known = pod
    .at('resourceClaims')
    .items()
    .map((claim) => claim.at('name').text);
  for (const claim of resources.at('claims').items()) {
    const name = claim.at('name').text;
    if (name === '' || !known.includes(name)) {
      claim.fault('is no name in the resourceClaims of the pod');
    }
  }
}

/** An amount that is not below zero; of what is counted, a whole one. */
function validateAmount(name: string, amount: Field): void {
  const value = amount.quantity;
  if (value === undefined) {
    return;
  }
  if (value.nanos < 0n) {
    amount.fault(`is ${amount.value}, and must be at least 0`);
  }
  const isCounted = name.includes('/') && !isKubernetes(name);
  if (isCounted && value.asInteger() === undefined) {
    amount.fault(`is ${amount.value}, and must be a whole number`);
  }
}

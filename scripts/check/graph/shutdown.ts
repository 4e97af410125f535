import { isMap, type JsonMap, maps, text, type Violation } from '../model.ts';
import { type Container, containersOf, type Pod } from './graph.ts';
import { type GraphRule, graphRule, inWorkloads } from './rule.ts';

/**
 * How long a container goes on after SIGTERM: what this variable says, in milliseconds, and what service/src/config.ts
 * takes where it says nothing.
 */
const drain = { variable: 'DRAIN_TIMEOUT_MS', milliseconds: 10_000 };

export const shutdownRules: GraphRule[] = [
  graphRule(
    {
      id: 'shutdown-time',
      group: 'shutdown',
      why: 'The grace period counts from the preStop hook on: what is left when it ends is killed, requests and all.',
      fix: `Raise terminationGracePeriodSeconds above the preStop sleep and ${drain.variable} together.`,
    },
    inWorkloads((graph) =>
      graph.pods.flatMap((pod) => containersOf(pod).flatMap((container) => tooLong(pod, container))),
    ),
  ),
];

function tooLong(pod: Pod, { container }: Container): Violation[] {
  const { kind, object, path } = pod;
  const grace = pod.pod.terminationGracePeriodSeconds;
  const { preStop } = isMap(container.lifecycle) ? container.lifecycle : {};
  const said = maps(container.env).find(({ name }) => name === drain.variable)?.value;
  // A container without a hook that says nothing of draining is not one that drains.
  if (typeof grace !== 'number' || (!isMap(preStop) && said === undefined)) {
    return [];
  }
  const hook = isMap(preStop) ? sleepSeconds(preStop) : 0;
  const draining = (/^\d+$/.test(text(said)) ? Number(text(said)) : drain.milliseconds) / 1000;
  // The policy shutdown has this one.
  const isHookAlone = kind === 'apps/Deployment' && isMap(preStop) && isMap(preStop.sleep) && hook >= grace;
  const message =
    `container ${text(container.name)} sleeps ${hook} s in preStop and drains ${draining} s ` +
    `(${drain.variable}) in ${grace} s`;
  return isHookAlone || hook + draining < grace
    ? []
    : [{ object, path: [...path, 'terminationGracePeriodSeconds'], message }];
}

/** The seconds that a preStop hook sleeps, as a `sleep` or in a command; 0 for what cannot be known. */
function sleepSeconds({ sleep, exec }: JsonMap): number {
  if (isMap(sleep)) {
    return typeof sleep.seconds === 'number' ? sleep.seconds : 0;
  }
  const command = isMap(exec) && Array.isArray(exec.command) ? exec.command.join(' ') : '';
  return Number(/\bsleep (\d+)/.exec(command)?.[1] ?? 0);
}

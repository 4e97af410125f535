import { isMap, type JsonMap, maps, text, type Violation } from '../model.ts';
import { annotation, type Container, containersOf, type Pod } from './graph.ts';
import { type GraphRule, graphRule, inWorkloads } from './rule.ts';

/** On a workload: how long its containers go on after SIGTERM, in whole seconds. */
const drainAnnotation = 'quotes.check/drain-seconds';

/** A container's own setting of the same, in milliseconds, which service/src/config.ts reads; it goes before. */
const drainVariable = 'DRAIN_TIMEOUT_MS';

/**
 * What a container with a preStop hook is left where nothing is declared, in seconds: the kubelet's own minimum for
 * what comes after the hook, `minimumGracePeriodInSeconds` in k8s.io/kubernetes/pkg/kubelet/kuberuntime.
 */
const margin = 2;

export const shutdownRules: GraphRule[] = [
  graphRule(
    {
      id: 'shutdown-time',
      group: 'shutdown',
      why: 'The grace period counts from the preStop hook on: what is left when it ends is killed, requests and all.',
      fix:
        'Raise terminationGracePeriodSeconds above the preStop sleep and the drain together. The drain is ' +
        `${drainVariable} of the container, else ${drainAnnotation} of the workload, else ${margin} s.`,
    },
    inWorkloads((graph) =>
      graph.pods.flatMap((pod) => [
        ...unreadable(pod),
        ...containersOf(pod).flatMap((container) => tooLong(pod, container)),
      ]),
    ),
  ),
];

function unreadable(pod: Pod): Violation[] {
  const said = annotation(pod, drainAnnotation);
  return said === '' || /^\d+$/.test(said)
    ? []
    : [
        {
          object: pod.object,
          path: ['metadata', 'annotations', drainAnnotation],
          message: `${said} is no whole number of seconds`,
        },
      ];
}

/** How long a container goes on after SIGTERM, in seconds, and what says so; undefined where nothing does. */
function drainOf(pod: Pod, { container, serves }: Container): { seconds: number; by: string } | undefined {
  const own = text(maps(container.env).find(({ name }) => name === drainVariable)?.value);
  if (/^\d+$/.test(own)) {
    return { seconds: Number(own) / 1000, by: drainVariable };
  }
  const said = annotation(pod, drainAnnotation);
  return serves && /^\d+$/.test(said) ? { seconds: Number(said), by: drainAnnotation } : undefined;
}

function tooLong(pod: Pod, one: Container): Violation[] {
  const { kind, object, path } = pod;
  const { container } = one;
  const grace = pod.pod.terminationGracePeriodSeconds;
  const { preStop } = isMap(container.lifecycle) ? container.lifecycle : {};
  const drain = drainOf(pod, one);
  // A container without a hook that says nothing of draining is not one that drains.
  if (typeof grace !== 'number' || (!isMap(preStop) && drain === undefined)) {
    return [];
  }
  const hook = isMap(preStop) ? sleepSeconds(preStop) : 0;
  // The policy shutdown has this one.
  const isHookAlone = kind === 'apps/Deployment' && isMap(preStop) && isMap(preStop.sleep) && hook >= grace;
  const after = drain === undefined ? `needs ${margin} s to end` : `drains ${drain.seconds} s (${drain.by})`;
  return isHookAlone || hook + (drain?.seconds ?? margin) < grace
    ? []
    : [
        {
          object,
          path: [...path, 'terminationGracePeriodSeconds'],
          message: `container ${text(container.name)} sleeps ${hook} s in preStop and ${after} in ${grace} s`,
        },
      ];
}

/** The seconds that a preStop hook sleeps, as a `sleep` or in a command; 0 for what cannot be known. */
function sleepSeconds({ sleep, exec }: JsonMap): number {
  if (isMap(sleep)) {
    return typeof sleep.seconds === 'number' ? sleep.seconds : 0;
  }
  const command = isMap(exec) && Array.isArray(exec.command) ? exec.command.join(' ') : '';
  return Number(/\bsleep (\d+)/.exec(command)?.[1] ?? 0);
}

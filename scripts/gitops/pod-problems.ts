import { Quantity } from '../check/admission/quantity.ts';

/** A pod, as far as its problems go. */
export interface Pod {
  metadata: { namespace: string; name: string; deletionTimestamp?: string; labels?: Record<string, string> };
  spec: {
    nodeName?: string;
    containers: { resources?: { requests?: Record<string, string> } }[];
  };
  status: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: {
      name: string;
      ready?: boolean;
      restartCount?: number;
      started?: boolean;
      state: { running?: { startedAt?: string }; waiting?: { reason?: string; message?: string } };
      lastState?: { terminated?: { exitCode: number; reason?: string } };
    }[];
  };
}

/** A container that is not ready after so many milliseconds has a problem; ours take two seconds. */
const slowest = 10_000;

/** What is wrong with a pod, in plain words and with the remedy where the cluster's own words do not name it. */
export function podProblems(pod: Pod): string[] {
  if (pod.metadata.deletionTimestamp !== undefined) {
    return [];
  }
  const problems = pod.status.reason === 'Evicted' ? [evicted(pod)] : [...unscheduled(pod), ...waiting(pod)];
  return problems.map((problem) => `${pod.metadata.name}: ${problem}`);
}

function unscheduled({ metadata, spec, status }: Pod): string[] {
  const {
    status: placed,
    reason,
    message,
  } = status.conditions?.find(({ type }) => type === 'PodScheduled') ?? {};
  if (placed !== 'False') {
    return [];
  }
  // What follows the first sentence is about preemption, at length.
  const why = (message ?? '').replace(/^(\d+\/\d+ nodes are available: .*?)\. .*$/s, '$1').replace(/\.$/, '');
  if (why.includes("PersistentVolume's node affinity")) {
    return [
      `Pending: its volume is on a node that is full, or lost (${why}). Free that node, or bring it back.`,
    ];
  }
  const short = [...why.matchAll(/Insufficient ([\w./-]*\w)/g)].map(([, resource = '']) => resource);
  if (short.length === 0) {
    return [`Pending, ${reason}: ${why}.`];
  }
  const asked = short.map((resource) => `${resource} ${requested(spec.containers, resource)}`).join(' and ');
  return [
    `Pending: no node has room for the ${asked} that it requests (${why}). ` +
      `Request less or fewer in overlays/${metadata.namespace}, or add a node.`,
  ];
}

function requested(containers: Pod['spec']['containers'], resource: string): string {
  const amounts = containers.flatMap(({ resources }) => resources?.requests?.[resource] ?? []);
  const [first = '0', ...others] = amounts;
  const total = others.reduce((sum, amount) => sum + (Quantity.parse(amount)?.nanos ?? 0n), 0n);
  return others.length === 0 ? first : inUnits((Quantity.parse(first)?.nanos ?? 0n) + total, resource);
}

function inUnits(nanos: bigint, resource: string): string {
  const units = nanos / 1_000_000_000n;
  return resource === 'cpu'
    ? `${nanos / 1_000_000n}m`
    : /memory|storage/.test(resource)
      ? `${units / 1024n ** 2n}Mi`
      : `${units}`;
}

function evicted({ metadata, spec, status }: Pod): string {
  const why = status.message?.trim().replace(/\.$/, '') ?? 'no reason was given';
  return (
    `Evicted from ${spec.nodeName}: ${why}. Its controller has made another. Let it use less, or request what it ` +
    `uses; this record goes with "npm run kubectl -- delete pod ${metadata.name} --namespace=${metadata.namespace}".`
  );
}

/** What a node's image verifier said, which containerd and kubelet tell at the end of three sentences of theirs. */
function imageVerdict(message: string): string | undefined {
  const rejected = /: verifier \S+ rejected image \(exit code \d+\): (.+)$/s.exec(message);
  const failed = /: image verifier \S+ returned (error: .+)$/s.exec(message);
  return (rejected ?? failed)?.[1];
}

function waiting({ status }: Pod): string[] {
  return (status.containerStatuses ?? []).flatMap(({ name, ready, state, lastState }) => {
    const { reason, message } = state.waiting ?? {};
    const since = Date.parse(state.running?.startedAt ?? '');
    if (ready === false && Date.now() - since > slowest) {
      const seconds = Math.round((Date.now() - since) / 1000);
      return [`container ${name} runs for ${seconds} s and is not ready: its readinessProbe fails`];
    }
    if (reason === undefined || ['ContainerCreating', 'PodInitializing'].includes(reason)) {
      return [];
    }
    const verdict = imageVerdict(message ?? '');
    if (verdict !== undefined) {
      return [`its image is not run: ${verdict}`];
    }
    const ended = lastState?.terminated;
    const because =
      ended === undefined ? '' : ` (last ended with ${ended.reason}, exit code ${ended.exitCode})`;
    return [`${reason}${because}${message === undefined ? '' : `: ${message}`}`];
  });
}

import type { Sample } from './samples.ts';

/** What one pod's clients got in the time between two looks at its metrics. */
export interface Requests {
  perSecond: number;
  /** Those that were answered with 5xx. */
  failedPerSecond: number;
  /** The time in seconds within which 95 of 100 were answered, as exact as the histogram's buckets; none: no request. */
  p95?: number;
}

/** The counters of one look, by bucket and in all, of what clients asked: probes and scrapes are left out. */
export interface Counts {
  at: number;
  all: number;
  failed: number;
  /** Cumulative, by upper bound in seconds. */
  buckets: Map<number, number>;
}

/** The metrics that are read of a pod of quote-app: service/src/metrics.ts. */
export const requestMetrics = ['http_request_duration_seconds_bucket', 'http_request_duration_seconds_count'];
const probes = ['/livez', '/readyz', '/metrics'];

/** Adds a look's samples up. `at` is in milliseconds. */
export function countsOf(samples: Sample[], at: number): Counts {
  const counts: Counts = { at, all: 0, failed: 0, buckets: new Map() };
  for (const { name, labels, value } of samples) {
    if (probes.includes(labels.route ?? '')) {
      continue;
    }
    if (name.endsWith('_count')) {
      counts.all += value;
      counts.failed += labels.status?.startsWith('5') === true ? value : 0;
    } else {
      const bound = Number(labels.le?.replace('+Inf', 'Infinity'));
      counts.buckets.set(bound, (counts.buckets.get(bound) ?? 0) + value);
    }
  }
  return counts;
}

/** What came between two looks; undefined where the counters began anew meanwhile. */
export function requestsBetween(before: Counts, now: Counts): Requests | undefined {
  const seconds = (now.at - before.at) / 1000;
  const all = now.all - before.all;
  if (seconds <= 0 || all < 0) {
    return undefined;
  }
  const p95 = quantileOf(before.buckets, now.buckets, 0.95 * all);
  return {
    perSecond: all / seconds,
    failedPerSecond: Math.max(0, now.failed - before.failed) / seconds,
    ...(p95 !== undefined && { p95 }),
  };
}

/** Linear within the bucket, as Prometheus' histogram_quantile does it. */
function quantileOf(before: Map<number, number>, now: Map<number, number>, rank: number): number | undefined {
  const bounds = [...now.keys()].sort((one, other) => one - other);
  let [lower, below] = [0, 0];
  for (const bound of bounds) {
    const count = (now.get(bound) ?? 0) - (before.get(bound) ?? 0);
    if (rank > 0 && count >= rank) {
      return bound === Number.POSITIVE_INFINITY
        ? lower
        : lower + ((bound - lower) * (rank - below)) / (count - below);
    }
    [lower, below] = [bound, count];
  }
  return undefined;
}

/** What all pods' clients got together; the slowest pod's 95th percentile stands for all. */
export function together(pods: Requests[]): Requests {
  const p95s = pods.flatMap(({ p95 }) => p95 ?? []);
  return {
    perSecond: pods.reduce((sum, { perSecond }) => sum + perSecond, 0),
    failedPerSecond: pods.reduce((sum, { failedPerSecond }) => sum + failedPerSecond, 0),
    ...(p95s.length > 0 && { p95: Math.max(...p95s) }),
  };
}

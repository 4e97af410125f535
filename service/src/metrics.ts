import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { HostGauges } from './db/host.ts';
import type { Identity } from './identity.ts';

/** The instruments of one process and the registry that renders them. */
export interface Metrics {
  readonly registry: Registry;
  /** Seconds, by route template, method and status: its count is the rate, its 5xx the errors. */
  readonly duration: Histogram<'route' | 'method' | 'status'>;
  readonly inFlight: Gauge;
  readonly databaseRetries: Counter;
}

/** Makes the instruments; `hosts` are asked anew at every scrape. */
export function createMetrics(identity: Identity, hosts: () => readonly HostGauges[]): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const { version, revision, environment } = identity;
  new Gauge({
    name: 'quote_app_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'revision', 'environment'],
    registers,
  }).set({ version, revision, environment }, 1);
  for (const { name, help, value } of hostGauges) {
    new Gauge({
      name,
      help,
      labelNames: ['role'],
      registers,
      collect() {
        for (const host of hosts()) this.set({ role: host.role }, value(host));
      },
    });
  }
  return {
    registry,
    duration: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the request line to the end of the answer; status "aborted": the client left first.',
      labelNames: ['route', 'method', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    inFlight: new Gauge({ name: 'http_requests_in_flight', help: 'Requests not answered yet.', registers }),
    databaseRetries: new Counter({
      name: 'pg_read_retries_total',
      help: 'Reads that were asked a second time: on a new connection, or of the other host.',
      registers,
    }),
  };
}

const hostGauges: readonly { name: string; help: string; value(host: HostGauges): number }[] = [
  { name: 'pg_pool_total', help: 'Database connections the pool holds.', value: ({ total }) => total },
  { name: 'pg_pool_idle', help: 'Database connections nobody uses.', value: ({ idle }) => idle },
  {
    name: 'pg_pool_waiting',
    help: 'Statements waiting for a database connection.',
    value: ({ waiting }) => waiting,
  },
  {
    name: 'pg_host_away',
    help: '1 while no connection to the host is to be had.',
    value: ({ away }) => Number(away),
  },
];

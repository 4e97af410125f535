import type { Environment } from '../environment.ts';
import type { Api } from '../watch/api.ts';
import { type Counts, countsOf, type Requests, requestMetrics, requestsBetween } from './requests.ts';
import { samplesOf } from './samples.ts';

/** A pod whose metrics are asked for. */
export interface Scraped {
  environment: Environment;
  name: string;
  uid: string;
  /** '' until it has one. */
  ip: string;
}

/** Reads what a pod says of itself at a port. */
export type ReadPod = (pod: Scraped, port: number) => Promise<string>;

/** Through the API server: from outside the pods' network, with the right to its proxy. */
export const throughApi =
  (api: Api): ReadPod =>
  ({ environment, name }, port) =>
    api.text(`/api/v1/namespaces/${environment}/pods/${name}:${port}/proxy/metrics`);

/** From the pod itself: from within its network, with no right at all. */
export const fromPod: ReadPod = async ({ ip }, port) => {
  const host = ip.includes(':') ? `[${ip}]` : ip;
  const answer = await fetch(`http://${host}:${port}/metrics`, { signal: AbortSignal.timeout(2000) });
  return answer.text();
};

/** How many pods of an environment are asked: of ten thousand, a sample is told. */
export const mostAsked = 20;

const port = { app: 9090, database: 9187 };
const lagMetric = 'cnpg_pg_replication_lag';

/** What the pods' own metrics say. */
export class PodMetrics {
  readonly #read: ReadPod;
  readonly #counts = new Map<string, Counts>();
  readonly #requests = new Map<string, Requests>();
  readonly #lag = new Map<string, number>();

  constructor(read: ReadPod) {
    this.#read = read;
  }

  /** The requests of a pod of quote-app in the last seconds; undefined until it was asked twice. */
  requests(uid: string): Requests | undefined {
    return this.#requests.get(uid);
  }

  /** How many seconds a database's instance is behind its primary; undefined where it does not say. */
  lag(uid: string): number | undefined {
    return this.#lag.get(uid);
  }

  /** Asks every pod once; one that does not answer has no figures until it does. */
  async ask(app: Scraped[], database: Scraped[]): Promise<void> {
    const uids = new Set([...app, ...database].map(({ uid }) => uid));
    for (const known of [this.#counts, this.#requests, this.#lag]) {
      for (const uid of known.keys()) {
        if (!uids.has(uid)) {
          known.delete(uid);
        }
      }
    }
    await Promise.all([
      ...app.map((pod) => this.#askApp(pod)),
      ...database.map((pod) => this.#askDatabase(pod)),
    ]);
  }

  async #askApp(pod: Scraped): Promise<void> {
    const text = await this.#said(pod, port.app);
    const before = this.#counts.get(pod.uid);
    this.#counts.delete(pod.uid);
    this.#requests.delete(pod.uid);
    if (text !== undefined) {
      const counts = countsOf(samplesOf(text, requestMetrics), Date.now());
      this.#counts.set(pod.uid, counts);
      const requests = before === undefined ? undefined : requestsBetween(before, counts);
      if (requests !== undefined) {
        this.#requests.set(pod.uid, requests);
      }
    }
  }

  async #askDatabase(pod: Scraped): Promise<void> {
    const text = await this.#said(pod, port.database);
    const [lag] = samplesOf(text ?? '', [lagMetric]);
    if (lag === undefined || Number.isNaN(lag.value)) {
      this.#lag.delete(pod.uid);
    } else {
      this.#lag.set(pod.uid, lag.value);
    }
  }

  #said(pod: Scraped, at: number): Promise<string | undefined> {
    return this.#read(pod, at).catch(() => undefined);
  }
}

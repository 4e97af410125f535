import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { PostgresConfig } from '../config.ts';
import { DatabaseUnavailable, isSchemaMissing, isSlow, isUnavailable, NotSent, within } from './failures.ts';
import { Host, type HostGauges } from './host.ts';

/** How often it is looked whether the password was changed. */
const lookMs = 1000;
/** A read that was not answered by then is asked of the other host as well. */
const hedgeMs = 300;
/** Between two tries of a read. */
const againMs = 50;

/** A database that may move: writes go to its primary, reads to its replicas where they have an address. */
export class Database {
  /** Called when a statement found no table, as after the database was replaced by an empty one. */
  onSchemaMissing: () => void = () => {};
  /** Called when a read is asked a second time. */
  onRetry: () => void = () => {};
  readonly #primary: Host;
  readonly #replica: Host | undefined;
  readonly #answerTimeoutMs: number;
  readonly #looking: NodeJS.Timeout;
  #renewing = false;

  constructor(config: PostgresConfig, pod: string, log: Logger) {
    this.#answerTimeoutMs = config.answerTimeoutMs;
    this.#primary = new Host('primary', config.host, config, pod, log);
    if (config.readOnlyHost !== undefined) {
      this.#replica = new Host('replica', config.readOnlyHost, config, pod, log);
    }
    for (const host of this.#hosts()) host.onRetry = () => this.onRetry();
    // Not by inotify: kubelet replaces links, and what was refused, as a replica does not know it yet, is tried again.
    this.#looking = setInterval(() => void this.#renew(), lookMs).unref();
  }

  /** Opens every connection that the pools may hold, as far as the database lets it. */
  async fill(): Promise<void> {
    await Promise.all(this.#hosts().map((host) => host.fill()));
  }

  /**
   * Runs a statement that changes nothing, wherever it is answered. Rows may lag behind what was written;
   * that there are none is only said by the primary.
   * @throws {DatabaseUnavailable} when the database cannot answer now
   */
  async read<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      return await within(this.#answerTimeoutMs, this.#readInTime<Row>(sql, values));
    } catch (error) {
      throw this.#judge(error);
    }
  }

  /**
   * Runs a statement at most once.
   * @throws {DatabaseUnavailable} when the database cannot answer now; it may still have run
   */
  async write<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[]): Promise<Row[]> {
    const deadline = performance.now() + this.#answerTimeoutMs;
    try {
      return await within(this.#answerTimeoutMs, this.#primary.write<Row>(sql, values, deadline));
    } catch (error) {
      throw this.#judge(error);
    }
  }

  gauges(): HostGauges[] {
    return this.#hosts().map((host) => host.gauges());
  }

  /** Closes every connection after its statement; nothing may be run afterwards. */
  async end(): Promise<void> {
    clearInterval(this.#looking);
    await Promise.all(this.#hosts().map((host) => host.end()));
  }

  /** One host after the other: new connections cost most when all are made at once. */
  async #renew(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    for (const host of this.#hosts()) await host.renew();
    this.#renewing = false;
  }

  #hosts(): Host[] {
    return this.#replica === undefined ? [this.#primary] : [this.#primary, this.#replica];
  }

  /** Asks again while there is time, unless nobody is there: on a machine that is busy a second is soon over. */
  async #readInTime<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[]): Promise<Row[]> {
    const deadline = performance.now() + this.#answerTimeoutMs;
    for (;;) {
      try {
        return await this.#readAnywhere<Row>(sql, values);
      } catch (error) {
        const hopeless = this.#hosts().every(({ away }) => away);
        if (!isSlow(error) || hopeless || performance.now() > deadline) throw error;
        // What fails at once would else be asked without end, and nothing beside it.
        await sleep(againMs);
      }
    }
  }

  /** What the first host to answer says; when none does, what was wrong with the primary. */
  async #readAnywhere<Row extends pg.QueryResultRow>(
    sql: string,
    values: readonly unknown[],
  ): Promise<Row[]> {
    const replica = this.#replica;
    let wrong: unknown;
    const askPrimary = async () => {
      try {
        const rows = await this.#primary.read<Row>(sql, values);
        if (rows.length > 0 || !(await this.#primary.isStandby())) return rows;
        throw new NotSent('the next primary has no such row, or not yet');
      } catch (error) {
        wrong = error;
        throw error;
      }
    };
    if (replica === undefined) return askPrimary();
    const askReplica = async () => {
      const rows = await replica.read<Row>(sql, values);
      if (rows.length === 0) throw new Error('the replica has no such row, or not yet');
      return rows;
    };
    const [askFirst, askSecond] = replica.away ? [askPrimary, askReplica] : [askReplica, askPrimary];
    const first = askFirst();
    const soon = await within(hedgeMs, first).catch(() => undefined);
    if (soon !== undefined) return soon;
    this.onRetry();
    return Promise.any([first, askSecond()]).catch(() => {
      throw wrong;
    });
  }

  #judge(error: unknown): unknown {
    if (isSchemaMissing(error)) this.onSchemaMissing();
    return isUnavailable(error)
      ? new DatabaseUnavailable('the database cannot answer', { cause: error })
      : error;
  }
}

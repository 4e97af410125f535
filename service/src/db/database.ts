import pg from 'pg';
import type { Logger } from 'pino';
import type { PostgresConfig } from '../config.ts';

/** The database cannot answer now and may later: a reason for 503, never for 500. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';

  /** What the driver or Postgres said. */
  get reason(): string {
    return this.cause instanceof Error ? this.cause.message : String(this.cause);
  }
}

/** What the pool holds right now, in connections (waiting: in requests). */
export interface PoolGauges {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

// 25006: a primary was demoted under us. 42P01: the schema is not there yet. 57014: statement_timeout.
const unavailableStates = /^(08|28|3D|53|57P0)|^(25006|42P01|57014)$/;
const brokenConnectionStates = /^(08|57P0)/;

/** What `new pg.Client` and `new pg.Pool` need to connect. */
export function connectionOptions(config: PostgresConfig, pod: string): pg.ClientConfig {
  return {
    host: config.host,
    port: config.port,
    user: config.user,
    password: config.password,
    database: config.database,
    application_name: pod,
    connectionTimeoutMillis: config.connectTimeoutMs,
    keepAlive: true,
  };
}

/** True where an error says "not now" rather than "this statement is wrong". */
function isUnavailable(error: unknown): boolean {
  // Whatever Postgres itself did not say comes from the way there: sockets, names, timeouts.
  if (!(error instanceof pg.DatabaseError)) return error instanceof Error;
  return unavailableStates.test(error.code ?? '');
}

/** True where the same statement on a fresh connection may well succeed at once. */
function isBrokenConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof pg.DatabaseError) return brokenConnectionStates.test(error.code ?? '');
  // Waiting twice would outlast the drain: a timeout is not tried again.
  return !/timeout/i.test(error.message);
}

/** A pool that outlives its database: away now, it is tried again on the next statement. */
export class Database {
  /** Called when a statement found no table, as after the database was replaced by an empty one. */
  onSchemaMissing: () => void = () => {};
  /** Called when a read is tried a second time. */
  onRetry: () => void = () => {};
  readonly #pool: pg.Pool;
  readonly #log: Logger;

  constructor(config: PostgresConfig, pod: string, log: Logger) {
    this.#log = log;
    this.#pool = new pg.Pool({
      ...connectionOptions(config, pod),
      max: config.poolMax,
      // Kept: under load is when a new connection costs most, and a request that waits for one may fail.
      idleTimeoutMillis: 0,
      statement_timeout: config.statementTimeoutMs,
      // The server's timeout does not help when its node is gone: this one runs here.
      query_timeout: config.statementTimeoutMs + 1000,
    });
    // Without a listener an idle connection that breaks would end the process.
    this.#pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection broke'));
  }

  /** Opens every connection that the pool may hold, as far as the database lets it. */
  async fill(): Promise<void> {
    const opened = await Promise.allSettled(
      Array.from({ length: this.#pool.options.max }, () => this.#pool.connect()),
    );
    for (const connection of opened) {
      if (connection.status === 'fulfilled') connection.value.release();
    }
  }

  /**
   * Runs a statement that changes nothing; tried once more when its connection broke.
   * @throws {DatabaseUnavailable} when the database cannot answer now
   */
  async read<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      return await this.#run<Row>(sql, values);
    } catch (error) {
      if (!isBrokenConnection(error)) throw this.#judge(error);
      this.onRetry();
      this.#log.debug({ err: error }, 'a database connection broke: reading once more');
      return this.write<Row>(sql, values);
    }
  }

  /**
   * Runs a statement exactly once.
   * @throws {DatabaseUnavailable} when the database cannot answer now; it may still have run
   */
  async write<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return await this.#run<Row>(sql, values);
    } catch (error) {
      throw this.#judge(error);
    }
  }

  gauges(): PoolGauges {
    return {
      total: this.#pool.totalCount,
      idle: this.#pool.idleCount,
      waiting: this.#pool.waitingCount,
    };
  }

  /** Closes every connection after its statement; nothing may be run afterwards. */
  async end(): Promise<void> {
    await this.#pool.end();
  }

  async #run<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[]): Promise<Row[]> {
    const result = await this.#pool.query<Row>(sql, [...values]);
    return result.rows;
  }

  #judge(error: unknown): unknown {
    if (error instanceof pg.DatabaseError && error.code === '42P01') this.onSchemaMissing();
    return isUnavailable(error)
      ? new DatabaseUnavailable('the database cannot answer', { cause: error })
      : error;
  }
}

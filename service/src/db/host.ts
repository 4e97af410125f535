import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import type { Logger } from 'pino';
import type { PostgresConfig } from '../config.ts';
import { connectionOptions, onPromotion, processOf } from './connection.ts';
import { type Credentials, type CredentialsSource, readCredentials } from './credentials.ts';
import { isBroken, isDemoted, NoAnswer, NotReplicated, NotSent, within } from './failures.ts';
import { askStandby, Presence, type StandbyRow } from './presence.ts';

/** Which of the two addresses of a database: `primary` takes writes, `replica` only reads. */
export type Role = 'primary' | 'replica';

/** What a host's pool holds right now, in connections (waiting: in statements). */
export interface HostGauges {
  readonly role: Role;
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
  /** The last attempt to get a connection failed. */
  readonly away: boolean;
}

interface Answer<Row> {
  readonly rows: Row[];
  /** What Postgres warned of while it ran the statement. */
  readonly warning: string | undefined;
}

/** How much longer than its statement_timeout a server may take to say so; the least there is to be left. */
const graceMs = 300;
const secondTryPauseMs = 200;
const queueMs = 20;
/** How long an address for replicas may go on leading to one that has become the primary. */
const relabelledMs = 10_000;
/** What pg-pool says to who waited for a connection that another had. */
const allTaken = 'timeout exceeded when trying to connect';

// statement_timeout does not end a commit that waits for a standby. Left alone, each holds a server process.
const cancelWaitingCommit = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
  WHERE pid = $1 AND usename = current_user AND wait_event = 'SyncRep' AND query = $2`;

/**
 * One address of a database and the connections to it. Servers come and go behind the address: one that hangs,
 * breaks or is no primary any more loses all its connections at once, and new ones lead to whoever is there.
 */
export class Host {
  /** Called when a read is asked again on a new connection. */
  onRetry: () => void = () => {};
  readonly #role: Role;
  readonly #source: CredentialsSource;
  readonly #options: (credentials: Credentials) => pg.PoolConfig;
  readonly #connectTimeoutMs: number;
  /** By when a server says at the latest that a statement took too long. */
  readonly #patienceMs: number;
  readonly #log: Logger;
  readonly #presence: Presence;
  /** Whom the pool's connections are made as, and whom the next pool's may be. */
  #credentials: Credentials;
  #pool: pg.Pool;
  #ended = false;
  /** When a statement was last answered, on the clock of `performance`. */
  #answered = Number.NEGATIVE_INFINITY;

  constructor(role: Role, host: string, config: PostgresConfig, pod: string, log: Logger) {
    this.#role = role;
    this.#connectTimeoutMs = config.connectTimeoutMs;
    this.#patienceMs = config.statementTimeoutMs + graceMs;
    this.#log = log.child({ role, host });
    this.#source = config.credentials;
    this.#credentials = readCredentials(config.credentials);
    this.#options = (credentials) => ({
      ...connectionOptions(config, credentials, host, pod),
      max: config.poolMax,
      // Kept: under load is when a new connection costs most, and a request that waits for one may fail.
      idleTimeoutMillis: 0,
      statement_timeout: config.statementTimeoutMs,
    });
    const newClient = () => new pg.Client(this.#options(this.#credentials));
    this.#presence = new Presence(newClient, this.#patienceMs, this.#log);
    this.#pool = this.#newPool();
  }

  /** True from the first time no connection was to be had until a statement is answered again. */
  get away(): boolean {
    return this.#presence.away;
  }

  gauges(): HostGauges {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return { role: this.#role, total: totalCount, idle: idleCount, waiting: waitingCount, away: this.away };
  }

  /** Opens every connection that the pool may hold, as far as the database lets it. Nothing else may wait for one. */
  async fill(): Promise<void> {
    const pool = this.#pool;
    const open = async () => (await openWarm(pool, this.#patienceMs)).release();
    // All at once: there is nobody yet in whose way they would be, and who starts is waited for.
    await Promise.allSettled(Array.from({ length: pool.options.max }, open));
  }

  /**
   * Where the credentials were changed, connects by the new ones, and only then leaves the connections by the old ones to
   * end with their statements. Where the server does not take the new ones, or not yet, all stays as it is.
   */
  async renew(): Promise<void> {
    if (this.#ended) return;
    try {
      const credentials = readCredentials(this.#source);
      if (isDeepStrictEqual(credentials, this.#credentials)) return;
      await this.#changeTo(credentials);
    } catch (error) {
      this.#log.debug({ err: error }, 'the new database credentials cannot be used yet');
    }
  }

  async #changeTo(credentials: Credentials): Promise<void> {
    const pool = this.#newPool(credentials);
    try {
      await warmUp(pool, this.#patienceMs);
    } catch (error) {
      void pool.end();
      throw error;
    }
    if (this.#ended) return pool.end();
    const old = this.#pool;
    this.#credentials = credentials;
    this.#pool = pool;
    this.#presence.isBack();
    this.#log.info({ user: credentials.user }, 'the database credentials were changed');
    // A pool that ends serves nobody who still waits in its queue.
    while (old.waitingCount > 0) await sleep(queueMs);
    await old.end();
  }

  /**
   * Runs a statement that changes nothing; once more on a new connection when its own broke.
   * @throws {NotSent} {@link NoAnswer}, what Postgres said, or what broke the connection
   */
  async read<Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return (await this.#ask<Row>(sql, values)).rows;
    } catch (error) {
      if (!isBroken(error)) throw error;
      this.onRetry();
      return (await this.#ask<Row>(sql, values)).rows;
    }
  }

  /** Whether the address leads to a standby, as it may a moment before that is the primary. @throws as `read` */
  async isStandby(): Promise<boolean> {
    const rows = await this.read<StandbyRow>(askStandby, []);
    return rows.some(({ standby }) => standby);
  }

  /**
   * Runs a statement once; it is tried again only where it certainly did not run. Where there is a standby, it waits for
   * that to be the primary: the address may lead to it a moment before it is.
   * @param deadline on the clock of `performance`: from then on it is not sent, and no answer is awaited
   * @throws {NotSent} {@link NoAnswer}, {@link NotReplicated}, what Postgres said, or what broke the connection
   */
  async write<Row extends pg.QueryResultRow>(
    sql: string,
    values: readonly unknown[],
    deadline: number,
  ): Promise<Row[]> {
    let refused = false;
    let demoted = false;
    for (;;) {
      if (!this.#presence.hasPrimary) await this.#untilPrimary(deadline);
      try {
        return await this.#writeOnce<Row>(sql, values, deadline);
      } catch (error) {
        if (isDemoted(error)) {
          // Of a primary that takes no writes this is said at once, and again.
          if (demoted) await sleep(secondTryPauseMs);
          demoted = true;
          await this.#untilPrimary(deadline);
        } else if (error instanceof NotSent && !refused) {
          refused = true;
          await sleep(secondTryPauseMs);
        } else {
          throw error;
        }
      }
    }
  }

  /** Closes every connection after its statement; nothing may be run afterwards. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#presence.end();
    await this.#pool.end();
  }

  async #writeOnce<Row extends pg.QueryResultRow>(
    sql: string,
    values: readonly unknown[],
    deadline: number,
  ): Promise<Row[]> {
    const { rows, warning } = await this.#ask<Row>(sql, values, deadline);
    // A commit whose wait for a standby is cancelled ends with this warning, and with success.
    if (warning !== undefined) throw new NotReplicated(warning);
    return rows;
  }

  async #ask<Row extends pg.QueryResultRow>(
    sql: string,
    values: readonly unknown[],
    deadline?: number,
  ): Promise<Answer<Row>> {
    if (this.away) await this.#presence.untilBack(this.#connectTimeoutMs);
    const pool = this.#pool;
    const client = await this.#connect(pool);
    let warning: string | undefined;
    const noticed = ({ code, message }: { code: string | undefined; message: string | undefined }) => {
      if (code === '01000') warning = message ?? code;
    };
    client.on('notice', noticed);
    const patienceMs = this.#patienceMs;
    const leftMs = Math.min(patienceMs, (deadline ?? Number.POSITIVE_INFINITY) - performance.now());
    try {
      if (leftMs <= graceMs) throw new NotSent('there was no connection in time');
      const asked = client.query<Row>(sql, [...values]);
      // A connection whose answer nobody waits for any more is whole again when it has come.
      void asked.then(
        () => client.release(),
        (error: unknown) => client.release(isBroken(error) || isDemoted(error)),
      );
      const { rows } = await within(leftMs, asked);
      this.#answered = performance.now();
      if (pool === this.#pool) this.#presence.isBack();
      return { rows, warning };
    } catch (error) {
      if (error instanceof NotSent) client.release();
      // Where others were answered meanwhile the server is slow, and not lost: new connections would make it slower.
      const hangs =
        error instanceof NoAnswer && leftMs === patienceMs && performance.now() - this.#answered > patienceMs;
      if (hangs || isBroken(error) || isDemoted(error)) this.#abandon(pool);
      if (deadline !== undefined && error instanceof NoAnswer) {
        void this.#ask(cancelWaitingCommit, [processOf(client), sql]).catch(() => {});
      }
      throw error;
    } finally {
      client.off('notice', noticed);
    }
  }

  async #connect(pool: pg.Pool): Promise<pg.PoolClient> {
    try {
      return await pool.connect();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // Who waited in a pool that was abandoned meanwhile, or while others had its connections, knows nothing of the host.
      if (pool === this.#pool && reason !== allTaken) this.#presence.isAway(reason);
      throw new NotSent(reason, { cause: error });
    }
  }

  /** Leaves the connections of a pool to end with their statements; those that are idle end now. */
  #abandon(pool: pg.Pool): void {
    if (pool !== this.#pool || this.#ended) return;
    this.#pool = this.#newPool();
    void pool.end();
  }

  /** Reads that stayed on what is the primary now would have nobody else to ask when it hangs. */
  #leavePromoted(pool: pg.Pool): void {
    if (pool !== this.#pool) return;
    this.#abandon(pool);
    setTimeout(() => this.#abandon(this.#pool), relabelledMs).unref();
  }

  #newPool(credentials = this.#credentials): pg.Pool {
    const pool = new pg.Pool(this.#options(credentials));
    // Without a listener a connection that breaks would end the process, idle (the pool's) or not (its own).
    pool.on('connect', (client) => {
      client.on('error', () => {});
      if (this.#role === 'replica') onPromotion(client, () => this.#leavePromoted(pool));
    });
    pool.on('error', (error) => this.#log.debug({ err: error }, 'an idle database connection broke'));
    return pool;
  }

  async #untilPrimary(deadline: number): Promise<void> {
    await this.#presence.untilPrimary(deadline - graceMs - performance.now());
  }
}

/**
 * A connection that has looked at the table once: cold it would be slow to the first that comes.
 * @throws {NoAnswer} where the server lets it in and then says nothing
 */
async function openWarm(pool: pg.Pool, patienceMs: number): Promise<pg.PoolClient> {
  const client = await pool.connect();
  try {
    await within(patienceMs, client.query('SELECT id, text, author FROM quotes LIMIT 1'));
  } catch (error) {
    if (error instanceof NoAnswer) {
      client.release(error);
      throw error;
    }
  }
  return client;
}

/**
 * Opens the connections of a pool one after the other: all at once they would be in the way of the requests that go on
 * meanwhile.
 * @throws where not even one is to be had
 */
async function warmUp(pool: pg.Pool, patienceMs: number): Promise<void> {
  const clients: pg.PoolClient[] = [];
  try {
    while (clients.length < pool.options.max) clients.push(await openWarm(pool, patienceMs));
  } catch (error) {
    // The database may not let it have them all.
    if (clients.length === 0) throw error;
  } finally {
    for (const client of clients) client.release();
  }
}

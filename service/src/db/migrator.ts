import { readdir } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from 'pino';
import type { PostgresConfig } from '../config.ts';
import { connectionOptions } from './connection.ts';
import { readCredentials } from './credentials.ts';

// Beside package.json: bundled, this file is in another folder.
const manifest = findPackageJSON(import.meta.url);
if (manifest === undefined) throw new Error('no package.json above quote-app, and so no migrations');
const migrations = path.join(manifest, '..', 'migrations');

// Logins come and go (`npm run rotate`): what they make is the database's owner's, where they may act as it.
const becomeOwner = `SELECT set_config('role', pg_get_userbyid(datdba), false) FROM pg_database
  WHERE datname = current_database() AND pg_has_role(datdba, 'MEMBER')`;

// Where it is noted which migrations have run.
const migrationsSchema = 'public';
const migrationsTable = 'pgmigrations';

const firstPauseMs = 200;
const longestPauseMs = 3000;

/** Brings the schema up to date in the background, however long the database takes to appear. */
export class Migrator {
  readonly #config: PostgresConfig;
  readonly #pod: string;
  readonly #log: Logger;
  readonly #onDone: () => void;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  /** @param onDone called every time the schema was found or made complete */
  constructor(config: PostgresConfig, pod: string, log: Logger, onDone: () => void) {
    this.#config = config;
    this.#pod = pod;
    this.#log = log;
    this.#onDone = onDone;
  }

  /** Starts the loop unless it runs already. Never throws: failures are logged and tried again. */
  start(): void {
    if (this.#stop.signal.aborted) return;
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined;
    });
  }

  /** Ends the loop; an unfinished migration is rolled back by Postgres. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #loop(): Promise<void> {
    for (let attempt = 1; !this.#stop.signal.aborted; attempt += 1) {
      try {
        const applied = await this.#migrate();
        this.#log.info({ attempt, applied }, 'the schema is up to date');
        this.#onDone();
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const pauseMs = Math.min(firstPauseMs * 2 ** Math.min(attempt - 1, 10), longestPauseMs);
        this.#log.warn({ err: error, attempt, pauseMs }, 'the schema could not be brought up to date yet');
        await sleep(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      }
    }
  }

  async #migrate(): Promise<string[]> {
    const client = new pg.Client({
      ...connectionOptions(
        this.#config,
        readCredentials(this.#config.credentials),
        this.#config.host,
        this.#pod,
      ),
      // Bounds the wait for another replica's migration as well; the loop then asks again.
      lock_timeout: 15_000,
      statement_timeout: 60_000,
      // The server's does not help when its node is gone, nor while a commit waits for a standby.
      query_timeout: 65_000,
    });
    // Without a listener a connection lost in mid-migration would end the process.
    client.on('error', (error) => this.#log.warn({ err: error }, 'the migration lost its connection'));
    const close = () => void client.end().catch(() => {});
    this.#stop.signal.addEventListener('abort', close, { once: true });
    try {
      await client.connect();
      await client.query(becomeOwner);
      if (await isComplete(client)) return [];
      // Not imported above: most starts find nothing to do, and are as long as what they load.
      const { runner } = await import('node-pg-migrate');
      const log = (message: string) => this.#log.debug(message.trim());
      const applied = await runner({
        dbClient: client,
        dir: migrations,
        direction: 'up',
        migrationsSchema,
        migrationsTable,
        // One transaction, and one replica at a time: the others wait and find nothing left to do.
        singleTransaction: true,
        advisoryLockMode: 'wait',
        logger: { debug: log, info: log, warn: log, error: log },
      });
      return applied.map((migration) => migration.name);
    } finally {
      this.#stop.signal.removeEventListener('abort', close);
      await client.end().catch(() => {});
    }
  }
}

/** Whether every migration of ours has run: what would be done under the lock is nothing then, and the lock not waited for. */
async function isComplete(client: pg.Client): Promise<boolean> {
  const table = `${migrationsSchema}.${migrationsTable}`;
  const [files, { rows: tables }] = await Promise.all([
    readdir(migrations),
    client.query<{ there: boolean }>(`SELECT to_regclass('${table}') IS NOT NULL AS there`),
  ]);
  if (tables[0]?.there !== true) return false;
  const { rows } = await client.query<{ name: string }>(`SELECT name FROM ${table}`);
  const ran = new Set(rows.map(({ name }) => name));
  return files.every((file) => ran.has(path.parse(file).name));
}

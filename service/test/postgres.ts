import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { kill } from '../../scripts/cluster/processes.ts';

/** Postgres refuses to run as root: nobody's id serves when the tests run as root. */
const identity = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/** A real Postgres for one test file. */
export interface TestPostgres {
  port: number;
  start(): Promise<void>;
  /** Ends it at once, cleanly; nothing where it does not run. */
  stop(): Promise<void>;
  /** SIGKILL to every process of it. */
  kill(): Promise<void>;
  /** Stops every process of it cold: connections stay, nothing answers, until it is ended. */
  freeze(): void;
  /** Runs a statement as the superuser, on a connection of its own. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** Drops every table, as when the volume was replaced. */
  empty(): Promise<void>;
  /** Stops it and deletes its data. */
  remove(): Promise<void>;
}

/**
 * Makes a database cluster in a temporary folder, on a free port of 127.0.0.1, and starts it.
 * @param primary the one it is to be a streaming replica of; undefined: it is a primary itself
 */
export async function startPostgres(primary?: TestPostgres): Promise<TestPostgres> {
  const bin = globSync('/usr/lib/postgresql/*/bin').at(-1);
  if (bin === undefined) {
    throw new Error('No Postgres is installed: "apt-get install postgresql".');
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'quotes-postgres-'));
  if (identity.uid !== undefined) {
    chownSync(folder, identity.uid, identity.gid);
  }
  const data = path.join(folder, 'data');
  const init = ['--pgdata', data, '--username=quotes', '--auth=trust', '--no-sync', '--encoding=UTF8'];
  const copy = ['--pgdata', data, '--username=quotes', '--host=127.0.0.1', `--port=${primary?.port}`];
  const [program, options] =
    primary === undefined
      ? ['initdb', init]
      : ['pg_basebackup', [...copy, '--write-recovery-conf', '--checkpoint=fast', '--no-sync']];
  execFileSync(path.join(bin, program), options, { ...identity, stdio: 'ignore', cwd: folder });
  const port = await freePort();
  let server: ChildProcess | undefined;
  let frozen = false;
  const end = async (signal: NodeJS.Signals) => {
    if (server === undefined) return;
    const exit = once(server, 'exit');
    if (frozen) signalAll(server, 'SIGCONT');
    frozen = false;
    server.kill(signal);
    await exit;
    server = undefined;
  };
  const postgres: TestPostgres = {
    port,
    async start() {
      const options = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '', '-F'];
      server = spawn(path.join(bin, 'postgres'), options, { ...identity, stdio: 'ignore', cwd: folder });
      await answers(port);
    },
    async stop() {
      await end('SIGINT');
    },
    async kill() {
      // Its children see the parent die and follow.
      await end('SIGKILL');
      rmSync(path.join(data, 'postmaster.pid'), { force: true });
    },
    freeze() {
      if (server === undefined) return;
      signalAll(server, 'SIGSTOP');
      frozen = true;
    },
    async query(sql) {
      const client = new pg.Client({ host: '127.0.0.1', port, user: 'quotes', database: 'postgres' });
      await client.connect();
      const { rows } = await client.query<Record<string, unknown>>(sql);
      await client.end();
      return rows;
    },
    async empty() {
      await postgres.query('drop schema public cascade; create schema public');
    },
    async remove() {
      await postgres.stop();
      rmSync(folder, { recursive: true });
    },
  };
  await postgres.start();
  return postgres;
}

/** Signals a server first, then its children: none is made in between. */
function signalAll(server: ChildProcess, signal: NodeJS.Signals): void {
  server.kill(signal);
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8');
  for (const [pid] of children.matchAll(/\d+/g)) kill(Number(pid), signal);
}

async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'quotes', database: 'postgres' });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await sleep(50);
    }
  }
  throw new Error('Postgres does not answer.');
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

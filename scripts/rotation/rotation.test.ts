import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, beforeEach, test } from 'node:test';
import { execa } from 'execa';
import { startPostgres, type TestPostgres } from '../../service/test/postgres.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import { until } from '../until.ts';
import { rotateLogin } from './rotation.ts';
import { scramVerifier } from './scram.ts';

let postgres: TestPostgres;

before(async () => {
  postgres = await startPostgres();
  await postgres.query('create role admin superuser login');
  await postgres.query('create database quotes');
});

after(() => postgres.remove());

type Data = { username: string; password: string };

/** A namespace with a real Postgres, its Secrets, and pods that log in as the Secret says once they are annotated. */
class Namespace {
  readonly secrets: Record<string, Data> = {
    'postgres-credentials': { username: 'quotes', password: 'first' },
    'postgres-owner': { username: 'quotes', password: 'first' },
  };
  readonly labels: Record<string, string> = {};
  /** Which change fails in place of being made, counted from 1; 0: none. */
  failing = 0;
  changes = 0;
  readonly #pods = new Map<string, ChildProcess>();

  readonly kubectl: Kubectl = Object.assign((args: string[], input?: string) => this.#run(args, input), {
    json: async <T>(args: string[]) => this.#get(args) as T,
    field: async () => '',
    apply: async (objects: string | object[]) => {
      this.#change();
      for (const { metadata, data } of objects as { metadata: { name: string }; data: Data }[]) {
        const text = (value: string) => Buffer.from(value, 'base64').toString();
        this.secrets[metadata.name] = { username: text(data.username), password: text(data.password) };
      }
      return '';
    },
  });

  async start(): Promise<this> {
    await this.#logIn();
    return this;
  }

  async stop(): Promise<void> {
    for (const pod of this.#pods.values()) {
      if (pod.exitCode !== null || pod.signalCode !== null) continue;
      pod.kill();
      await once(pod, 'exit');
    }
    this.#pods.clear();
  }

  #change(): void {
    this.changes += 1;
    if (this.changes === this.failing) {
      throw new Error('interrupted');
    }
  }

  #get(args: string[]): object {
    if (args[1] === 'secret') {
      const { username = '', password = '' } = this.secrets[args[2] ?? ''] ?? {};
      const base64 = (value: string) => Buffer.from(value).toString('base64');
      return {
        metadata: { labels: this.labels },
        data: { username: base64(username), password: base64(password) },
      };
    }
    const names = args.join(' ').includes('name=postgres') ? ['postgres-1'] : ['pod-a', 'pod-b'];
    return {
      items: names.map((name) => ({
        metadata: { name },
        spec: { containers: [{ name: 'postgres' }] },
        status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
      })),
    };
  }

  async #run(args: string[], input = ''): Promise<string> {
    if (args[0] === 'annotate') {
      this.#change();
      await this.#logIn();
      return '';
    }
    assert.equal(args[0], 'exec');
    assert.ok(!args.join(' ').includes('SCRAM'), 'a command line is in the audit log');
    if (/ALTER/.test(input)) this.#change();
    return psql('admin', input);
  }

  async #logIn(): Promise<void> {
    const { username = '' } = this.secrets['postgres-credentials'] ?? {};
    await this.stop();
    for (const name of ['pod-a', 'pod-b']) {
      // It waits for statements: a server process with one to run would stay for it when its client goes.
      const pod = spawn('psql', options(username), {
        env: { ...process.env, PGAPPNAME: name },
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      this.#pods.set(name, pod);
    }
  }
}

const options = (username: string) => [
  ...['--host=127.0.0.1', `--port=${postgres.port}`, '--dbname=quotes', `--username=${username}`],
  ...['--no-psqlrc', '--quiet', '--no-align', '--tuples-only', '--set=ON_ERROR_STOP=1'],
];

async function psql(username: string, input: string): Promise<string> {
  return (await execa('psql', options(username), { input })).stdout;
}

/** Each login that has a password that this is the verifier of, as far as it may log in. */
async function accepted(password: string): Promise<string[]> {
  const rows = await psql(
    'admin',
    'SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin AND rolpassword IS NOT NULL',
  );
  return rows
    .split('\n')
    .map((row) => row.split('|'))
    .filter(([, kept = '']) => {
      const salt = Buffer.from(/:([^$]+)\$/.exec(kept)?.[1] ?? '', 'base64');
      return kept === scramVerifier(password, salt);
    })
    .map(([name = '']) => name);
}

beforeEach(async () => {
  await psql(
    'admin',
    "DROP ROLE IF EXISTS quotes_a; DROP ROLE IF EXISTS quotes_b; ALTER ROLE quotes PASSWORD 'first'",
  );
});

test('what is written in place of a password is what Postgres itself makes of it', async () => {
  assert.deepEqual(await accepted('first'), ['quotes']);
  assert.deepEqual(await accepted('second'), []);
});

test('two logins are used in turn, and the password before opens nothing', async (t) => {
  const namespace = await new Namespace().start();
  t.after(() => namespace.stop());
  let before = 'first';
  for (const username of ['quotes_a', 'quotes_b', 'quotes_a']) {
    assert.equal((await rotateLogin(namespace.kubectl, 'dev', () => {})).to, username);
    const login = namespace.secrets['postgres-credentials'];
    assert.equal(login?.username, username);
    assert.deepEqual(await accepted(login?.password ?? ''), [username]);
    assert.deepEqual(await accepted(before), []);
    assert.deepEqual(await accepted(namespace.secrets['postgres-owner']?.password ?? ''), ['quotes']);
    before = login?.password ?? '';
  }
});

test('who holds on to a connection of the login before loses it once the pods have the next one', async (t) => {
  const namespace = await new Namespace().start();
  t.after(() => namespace.stop());
  await rotateLogin(namespace.kubectl, 'dev', () => {});
  const thief = spawn('psql', options('quotes_a'), { stdio: ['pipe', 'ignore', 'ignore'] });
  const connected =
    "SELECT count(*) FROM pg_stat_activity WHERE usename = 'quotes_a' AND application_name = 'psql'";
  await until('the thief to be connected', async () => (await psql('admin', connected)).trim() === '1');
  assert.equal((await rotateLogin(namespace.kubectl, 'dev', () => {}, 0)).to, 'quotes_b');
  await until('the connection to be ended', async () => (await psql('admin', connected)).trim() === '0');
  thief.kill();
});

test('interrupted anywhere, the login of the Secret holds, and run again it ends well', async (t) => {
  const namespace = await new Namespace().start();
  t.after(() => namespace.stop());
  // The first rotation, and then a later one at each of its changes from the next login's on.
  for (const failing of [3, 6, 8, 10]) {
    Object.assign(namespace, { changes: 0, failing });
    await assert.rejects(
      rotateLogin(namespace.kubectl, 'dev', () => {}),
      /interrupted/,
    );
    const { username = '', password = '' } = namespace.secrets['postgres-credentials'] ?? {};
    assert.deepEqual(await accepted(password), [username], `interrupted at ${failing}`);
    namespace.failing = 0;
    const { to } = await rotateLogin(namespace.kubectl, 'dev', () => {});
    assert.deepEqual(await accepted(namespace.secrets['postgres-credentials']?.password ?? ''), [to]);
    assert.deepEqual(await accepted(password), []);
  }
});

test('what an ExternalSecret writes is not ours to rotate', async () => {
  const namespace = new Namespace();
  namespace.labels['reconcile.external-secrets.io/managed'] = 'true';
  await assert.rejects(
    rotateLogin(namespace.kubectl, 'dev', () => {}),
    /postgres-credentials in dev is an ExternalSecret's.*Rotate it in the store/,
  );
  assert.equal(namespace.changes, 0);
});

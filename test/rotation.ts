import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { isServed, startLoad } from '../scripts/drill/load.ts';
import { startWriter } from '../scripts/drill/writer.ts';
import { isFine } from '../scripts/gitops/status.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import { until } from '../scripts/until.ts';

type Login = { username: string; password: string };

/** That a password is changed under load, and what becomes of the one before. */
export function rotation(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  for (const environment of ['dev', 'prod'] as const) {
    promise(
      `the database password of ${environment} is rotated without a failed request, and the old one is refused`,
      async (t) => {
        const { field } = rehearsal();
        const ofService =
          '{.items[?(@.metadata.labels.app\\.kubernetes\\.io/name=="quote-app")].metadata.uid}';
        const pods = async () => (await field(environment, 'pods', ofService)).split(' ');
        const isWell = async () => isFine(await rehearsal().status(environment));
        // What a promise before this one changed there is over.
        await until(`${environment} well`, isWell);
        const podsBefore = await pods();
        let before = await login(environment);
        let failed = await underLoad(environment, t);
        if (failed > 0) {
          // Two busy cores can starve a connection for seconds: what fails twice fails.
          before = await login(environment);
          failed = await underLoad(environment, t);
        }
        assert.equal(failed, 0, 'requests failed');
        const after = await login(environment);
        assert.notEqual(after.username, before.username);
        assert.notEqual(after.password, before.password);
        assert.match(await ask(environment, after), new RegExp(`^${after.username}$`));
        await assert.rejects(
          ask(environment, before),
          /password authentication failed|not permitted to log in/,
        );
        const podsAfter = await pods();
        assert.deepEqual(
          podsBefore.filter((pod) => !podsAfter.includes(pod)),
          [],
          'every pod is there still',
        );
        await until(`${environment} Synced and Healthy still`, isWell);
        await ask(environment, after, "DELETE FROM quotes WHERE author LIKE 'drill %'");
      },
    );
  }

  /** Rotates while the service is asked and written to; how many requests failed. */
  async function underLoad(environment: 'dev' | 'prod', t: TestContext): Promise<number> {
    const { command, urls } = rehearsal();
    const load = startLoad(`${urls[environment]}/api/quotes/random`, 50);
    const writer = startWriter(urls[environment], 10);
    const began = performance.now();
    try {
      await command('rotate', environment);
    } finally {
      await Promise.all([load.stop(), writer.stop()]);
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const reads = load.answers.filter((answer) => !isServed(answer)).length;
    const writes = writer.writes.filter(({ status }) => status !== 201).length;
    t.diagnostic(
      `in ${seconds} s ${reads} of ${load.answers.length} reads and ${writes} of ${writer.writes.length} writes failed`,
    );
    return reads + writes;
  }

  /** Whom quote-app logs in as. */
  async function login(environment: string): Promise<Login> {
    const value = async (key: string) => {
      const base64 = await rehearsal().field(environment, 'secret/postgres-credentials', `{.data.${key}}`);
      return Buffer.from(base64, 'base64').toString();
    };
    return { username: await value('username'), password: await value('password') };
  }

  /** What a statement answers over the network, where a password is asked. */
  async function ask(
    environment: string,
    { username, password }: Login,
    statement = 'SELECT session_user',
  ): Promise<string> {
    const { kubectl, field } = rehearsal();
    const primary = await field(
      environment,
      'cluster.postgresql.cnpg.io/postgres',
      '{.status.currentPrimary}',
    );
    const psql = ['psql', '--host=127.0.0.1', '--dbname=quotes', '--no-align', '--tuples-only'];
    const answer = await kubectl([
      ...[
        'exec',
        primary || 'deployment/postgres',
        `--namespace=${environment}`,
        '--container=postgres',
        '--',
      ],
      ...['env', `PGPASSWORD=${password}`, ...psql, `--username=${username}`, `--command=${statement}`],
    ]);
    return answer.trim();
  }
}

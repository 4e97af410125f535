import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { repoRoot } from '../paths.ts';
import { migrationsBetween } from './migrations.ts';

const first = 'CREATE TABLE quotes (id integer PRIMARY KEY, text text, author text);';

/** A git repository with a service, whose migrations come commit by commit. */
async function repository(t: TestContext, ...commits: Record<string, string>[]) {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-release-test-'));
  t.after(() => rm(root, { recursive: true }));
  const git = async (...args: string[]) => {
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
    return (await execa('git', ['-C', root, ...identity, ...args])).stdout;
  };
  await mkdir(path.join(root, 'service/migrations'), { recursive: true });
  const manifest = { name: 'shop', dependencies: { 'node-pg-migrate': '9.0.0' } };
  await writeFile(path.join(root, 'service/package.json'), JSON.stringify(manifest));
  await git('init', '--quiet', '--initial-branch=main');
  const made: string[] = [];
  for (const migrations of [{ '0001_quotes.sql': first }, ...commits]) {
    for (const [name, sql] of Object.entries(migrations)) {
      await writeFile(path.join(root, 'service/migrations', name), sql);
    }
    await git('add', '.');
    await git('commit', '--quiet', '--allow-empty', '--message=x');
    made.push(await git('rev-parse', 'HEAD'));
  }
  return { root, git, commits: made as [string, string, string, string] };
}

/** Why a version that has the first migration alone cannot come back after this one. */
async function why(t: TestContext, sql: string): Promise<string[]> {
  const { root } = await repository(t, { '0002_next.sql': sql });
  return (await migrationsBetween(root, 'HEAD', 'HEAD~1')).map((found) => found.why);
}

test('what drops, renames, refuses or deletes stands between two versions, whatever it is called in the check', async (t) => {
  const breaking: [string, RegExp][] = [
    ['DROP TABLE quotes', /^drops table quotes, which shop's previous version still uses$/],
    ['ALTER TABLE quotes DROP COLUMN author', /^drops quotes\.author, which .* reads$/],
    ['ALTER TABLE quotes RENAME COLUMN author TO writer', /^renames quotes\.author, which .* calls so$/],
    ['ALTER TABLE quotes RENAME TO sayings', /^renames quotes, /],
    ['ALTER TABLE quotes SET SCHEMA old', /^moves quotes to old, /],
    ['ALTER TABLE quotes ALTER COLUMN id TYPE bigint', /^changes the type of quotes\.id, /],
    ['ALTER TABLE quotes ALTER author SET NOT NULL', /^makes quotes\.author NOT NULL, which refuses/],
    [
      'ALTER TABLE quotes ADD COLUMN likes integer NOT NULL',
      /^adds quotes\.likes as NOT NULL without a default/,
    ],
    [
      'ALTER TABLE quotes ALTER author DROP DEFAULT',
      /^takes the default of quotes\.author away, which the rows have/,
    ],
    [
      "ALTER TABLE quotes ADD COLUMN mood text NOT NULL DEFAULT 'x', ALTER COLUMN mood DROP DEFAULT",
      /^takes the default of quotes\.mood away/,
    ],
    ["ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", /^renames 'sad' of mood, /],
    ['DELETE FROM quotes', /^deletes every row of quotes, /],
    ['TRUNCATE quotes', /^deletes every row of quotes, /],
    ['DO $body$ BEGIN DELETE FROM quotes; END $body$', /^what this does is known only when it runs$/],
    ['DROP OWNED BY shop', /^drops what /],
    ['SELEC 1', /^Postgres does not parse this, so nobody knows: syntax error/],
  ];
  for (const [sql, says] of breaking) {
    const [found = '', ...more] = await why(t, `-- Up Migration\n${sql};\n`);
    assert.match(found, says);
    assert.deepEqual(more, [], sql);
  }
});

test('what only locked, and what an older version never notices, does not stand between', async (t) => {
  const sql = `-- Up Migration
    ALTER TABLE quotes ADD COLUMN likes integer, ADD COLUMN since timestamptz NOT NULL DEFAULT now();
    ALTER TABLE quotes ADD COLUMN key uuid DEFAULT gen_random_uuid(), ADD COLUMN number bigserial;
    CREATE INDEX i ON quotes (author);
    ALTER TABLE quotes ADD CONSTRAINT u UNIQUE (author), ADD CHECK (id > 0);
    UPDATE quotes SET likes = 0;
    LOCK TABLE quotes;
    CREATE TABLE likes (quote integer);
-- Down Migration
DROP TABLE quotes;`;
  assert.deepEqual(await why(t, sql), []);
});

test('only what the one has and the other has not is looked at, each statement with its place', async (t) => {
  const { root, commits } = await repository(
    t,
    { '0002_drop.sql': 'ALTER TABLE quotes DROP text;' },
    { '0003_two.sql': '-- Up Migration\nSELECT 1;\n\nALTER TABLE quotes\n  DROP author; DELETE FROM quotes' },
    { 'README.md': 'no migration' },
  );
  const [one, two, three, four] = commits;
  const last = [
    {
      file: 'service/migrations/0003_two.sql',
      line: 4,
      statement: 'ALTER TABLE quotes DROP author',
      why: "drops quotes.author, which shop's previous version still reads",
    },
    {
      file: 'service/migrations/0003_two.sql',
      line: 5,
      statement: 'DELETE FROM quotes',
      why: "deletes every row of quotes, which shop's previous version still reads",
    },
  ];
  assert.deepEqual(await migrationsBetween(root, four, two), last);
  assert.deepEqual(
    (await migrationsBetween(root, three, one)).map(({ file, line }) => `${path.basename(file)}:${line}`),
    ['0002_drop.sql:1', '0003_two.sql:4', '0003_two.sql:5'],
  );
  assert.deepEqual(await migrationsBetween(root, four, three), []);
  assert.deepEqual(await migrationsBetween(root, four, four), []);
  // Forward, nothing is gone back to.
  assert.deepEqual(await migrationsBetween(root, one, four), []);
});

test('an acknowledged statement stands between all the same, with what was said', async (t) => {
  const sql = `-- acknowledged: nobody has read author since 2.3.0
ALTER TABLE quotes DROP author;
/* acknowledged: it is empty */
DROP TABLE old;
DROP TABLE older;
-- acknowledged:
DROP TABLE oldest;
`;
  const { root } = await repository(t, { '0002_contract.sql': sql });
  const found = await migrationsBetween(root, 'HEAD', 'HEAD~1');
  assert.deepEqual(
    found.map(({ statement, acknowledged }) => [statement, acknowledged]),
    [
      ['ALTER TABLE quotes DROP author', 'nobody has read author since 2.3.0'],
      ['DROP TABLE old', 'it is empty'],
      ['DROP TABLE older', undefined],
      ['DROP TABLE oldest', ''],
    ],
  );
});

test('what one of the migrations made, the older version does not miss when a later one takes it away', async (t) => {
  const { root } = await repository(
    t,
    {
      '0002_likes.sql':
        'CREATE TABLE likes (quote integer, by text); ALTER TABLE quotes ADD COLUMN mood text;',
      '0003_more.sql': 'ALTER TABLE likes RENAME TO hearts; ALTER TABLE quotes RENAME mood TO tone;',
    },
    {
      '0004_none.sql':
        'ALTER TABLE hearts DROP by; DROP TABLE hearts; ALTER TABLE quotes DROP tone; CREATE VIEW v AS SELECT 1;',
    },
  );
  assert.deepEqual(await migrationsBetween(root, 'HEAD', 'HEAD~2'), []);
  // The version between knows them.
  assert.deepEqual(
    (await migrationsBetween(root, 'HEAD', 'HEAD~1')).map(({ statement }) => statement),
    ['ALTER TABLE hearts DROP by', 'DROP TABLE hearts', 'ALTER TABLE quotes DROP tone'],
  );
});

test('a column that the older version does not fill must not be NOT NULL, proven by a CHECK or not, without a default', async (t) => {
  const check = 'ALTER TABLE quotes ADD CONSTRAINT c CHECK (mood IS NOT NULL) NOT VALID;';
  const set = 'ALTER TABLE quotes VALIDATE CONSTRAINT c; ALTER TABLE quotes ALTER mood SET NOT NULL;';
  const between = async (...migrations: string[]) => {
    const named = migrations.map((sql, index) => [`000${index + 2}_m.sql`, sql]);
    const { root } = await repository(t, Object.fromEntries(named));
    return (await migrationsBetween(root, 'HEAD', 'HEAD~1')).map(
      ({ file, line }) => `${path.basename(file)}:${line}`,
    );
  };
  const add = 'ALTER TABLE quotes ADD COLUMN mood text';
  assert.deepEqual(await between(`${add};`, check, set), ['0003_m.sql:1', '0004_m.sql:1']);
  assert.deepEqual(await between(`${add} DEFAULT 'calm';`, check, set), []);
  assert.deepEqual(
    await between(`${add};`, "ALTER TABLE quotes ALTER mood SET DEFAULT 'calm';", check, set),
    [],
  );
  // Where the older version lived with the CHECK already, SET NOT NULL asks no more of it.
  const { root } = await repository(t, { '0002_m.sql': `${add}; ${check}` }, { '0003_m.sql': set });
  assert.deepEqual(await migrationsBetween(root, 'HEAD', 'HEAD~1'), []);
});

test('the migrations of this repository can be gone back across, and a commit that is none is said', async (t) => {
  const { root, git } = await repository(t);
  await assert.rejects(migrationsBetween(root, 'HEAD', 'abc1234'), {
    name: 'CannotRun',
    message: `git in ${root} knows no commit abc1234: fetch it (git fetch), or give another.`,
  });
  await assert.rejects(migrationsBetween(root, '--help', 'HEAD'), { name: 'CannotRun' });
  // Before there was a service, and so any migration.
  await git('rm', '--quiet', '-r', 'service');
  await git('commit', '--quiet', '--message=x');
  assert.deepEqual(await migrationsBetween(root, 'HEAD~1', 'HEAD'), []);
  assert.deepEqual(await migrationsBetween(repoRoot, 'HEAD', 'HEAD'), []);
});

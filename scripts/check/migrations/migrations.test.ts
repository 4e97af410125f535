import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { originOf } from '../origin.ts';
import { migrationFindings } from './findings.ts';

const first = 'CREATE TABLE quotes (id integer PRIMARY KEY, text text, author text);';

/** A package with a migration that makes quotes, and others; no git repository. */
async function project(t: TestContext, migrations: Record<string, string>): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-migrations-test-'));
  t.after(() => rm(root, { recursive: true }));
  await mkdir(path.join(root, 'service/migrations'), { recursive: true });
  const manifest = { name: 'shop', dependencies: { 'node-pg-migrate': '9.0.0' } };
  await writeFile(path.join(root, 'service/package.json'), JSON.stringify(manifest));
  await add(root, { '0001_quotes.sql': first, ...migrations });
  return root;
}

async function add(root: string, migrations: Record<string, string>): Promise<void> {
  for (const [name, sql] of Object.entries(migrations)) {
    await writeFile(path.join(root, 'service/migrations', name), sql);
  }
}

/** As `FILE:LINE:COLUMN MESSAGE`. */
async function found(root: string): Promise<string[]> {
  const findings = await migrationFindings(root, await originOf(root));
  return findings.map(({ file, line, column, message }) =>
    [[path.basename(file), line, column].filter(Boolean).join(':'), message].join(' '),
  );
}

async function foundIn(t: TestContext, sql: string): Promise<string[]> {
  return found(await project(t, { '0002_next.sql': sql }));
}

/** Statements that harm the version before, and a word that the finding must say. */
const harmful: [string, RegExp][] = [
  ['DROP TABLE quotes', /drops table quotes, which shop's previous version still uses/],
  ['drop table if exists public."quotes" cascade', /drops table quotes/],
  [
    'ALTER TABLE quotes DROP COLUMN author',
    /drops quotes\.author, which shop's previous version still reads/,
  ],
  ['ALTER TABLE quotes RENAME COLUMN author TO writer', /renames quotes\.author/],
  ['ALTER TABLE quotes RENAME TO sayings', /renames quotes/],
  ['ALTER TABLE quotes SET SCHEMA old', /moves quotes to old/],
  ['ALTER TABLE quotes ALTER COLUMN id TYPE bigint', /writes every row/],
  ['ALTER TABLE quotes ALTER author SET NOT NULL', /CHECK \(author IS NOT NULL\) NOT VALID/],
  ['ALTER TABLE quotes ADD COLUMN likes integer NOT NULL', /fails where there are rows/],
  ['ALTER TABLE quotes ADD COLUMN likes integer NOT NULL DEFAULT random()', /computed for each row/],
  ['ALTER TABLE quotes ADD COLUMN key uuid DEFAULT gen_random_uuid()', /computed for each row/],
  ['ALTER TABLE quotes ADD COLUMN number bigserial', /computed for each row/],
  ['ALTER TABLE quotes ADD n integer GENERATED ALWAYS AS (id + 1) STORED', /computed for each row/],
  ['ALTER TABLE quotes ADD COLUMN key text UNIQUE', /builds an index/],
  ['ALTER TABLE quotes ADD COLUMN n integer CHECK (n > 1)', /NOT VALID/],
  ['CREATE INDEX i ON quotes (author)', /CREATE INDEX CONCURRENTLY run it by hand/],
  ['CREATE UNIQUE INDEX CONCURRENTLY i ON quotes (author)', /cannot be in the migrator's one transaction/],
  ['DROP INDEX CONCURRENTLY i', /cannot be in the migrator's one transaction/],
  ['ALTER TABLE quotes ADD CHECK (id > 0)', /NOT VALID/],
  ['ALTER TABLE quotes ADD FOREIGN KEY (id) REFERENCES others', /NOT VALID/],
  ['ALTER TABLE quotes ADD CONSTRAINT u UNIQUE (author)', /USING INDEX/],
  ['UPDATE quotes SET author = upper(author)', /changes every row/],
  ['UPDATE quotes SET author = upper(author) WHERE true', /changes every row/],
  ['DELETE FROM quotes', /deletes every row/],
  ['WITH gone AS (DELETE FROM quotes RETURNING id) SELECT count(*) FROM gone', /deletes every row/],
  ['TRUNCATE quotes', /deletes every row/],
  ['LOCK TABLE quotes', /locks quotes/],
  ['VACUUM FULL quotes', /VACUUM cannot be/],
  ['CLUSTER quotes USING quotes_pkey', /CLUSTER cannot be/],
  ['REINDEX TABLE quotes', /REINDEX CONCURRENTLY/],
  ['REFRESH MATERIALIZED VIEW best', /nothing can read best/],
  ['COMMIT', /nothing half done/],
  ['DO $body$ BEGIN DELETE FROM quotes; END $body$', /known only when it runs/],
  ["ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", /renames 'sad' of mood/],
];

for (const [sql, says] of harmful) {
  test(`it finds ${sql}`, async (t) => {
    const [finding = '', ...more] = await foundIn(t, `-- Up Migration\n${sql};\n`);
    assert.deepEqual(more, []);
    assert.match(finding, /^0002_next\.sql:2:1 /);
    assert.match(finding, says);
  });
}

test('what the version before never notices has no finding', async (t) => {
  const sql = `-- Up Migration
    /* DROP TABLE quotes; */ -- TRUNCATE quotes;
    INSERT INTO quotes VALUES (1, 'DROP TABLE quotes; DELETE FROM quotes;', $it$ TRUNCATE quotes; $it$);
    ALTER TABLE quotes ADD COLUMN likes integer, ADD COLUMN since timestamptz NOT NULL DEFAULT now();
    ALTER TABLE quotes ADD COLUMN language text NOT NULL DEFAULT 'en', ADD COLUMN of integer REFERENCES others;
    ALTER TABLE quotes ADD CONSTRAINT c CHECK (likes >= 0) NOT VALID;
    ALTER TABLE quotes ADD CONSTRAINT u UNIQUE USING INDEX quotes_author;
    ALTER TABLE quotes ALTER COLUMN author DROP NOT NULL, ALTER COLUMN author SET DEFAULT 'nobody';
    ALTER TABLE quotes RENAME CONSTRAINT c TO d;
    UPDATE quotes SET likes = 0 WHERE id < 1000;
    DELETE FROM quotes WHERE id = 7;
    CREATE VIEW best AS SELECT * FROM quotes;
    CREATE FUNCTION f() RETURNS void LANGUAGE sql BEGIN ATOMIC DELETE FROM quotes; END;
    ANALYZE quotes;
-- Down Migration
DROP TABLE quotes;`;
  assert.deepEqual(await foundIn(t, sql), []);
});

test('a table that the same migration made is nobody’s yet, one that may have been there is', async (t) => {
  const uses = (table: string) => `
    CREATE INDEX ON ${table} (a);
    ALTER TABLE ${table} ALTER a TYPE bigint, ALTER a SET NOT NULL, DROP COLUMN b;
    UPDATE ${table} SET a = 1;
    DROP TABLE ${table};`;
  assert.deepEqual(await foundIn(t, `CREATE TABLE "New" (a integer, b integer);${uses('public."New"')}`), []);
  assert.equal((await foundIn(t, `CREATE TABLE IF NOT EXISTS new (a integer);${uses('new')}`)).length, 6);
  assert.equal((await foundIn(t, `CREATE TABLE other.new (a integer);${uses('new')}`)).length, 6);
});

test('each command of an ALTER TABLE has its finding, at the statement', async (t) => {
  const findings = await foundIn(
    t,
    'SELECT 1;\n\n  ALTER TABLE quotes\n    DROP a,\n    ADD x text,\n    DROP b;',
  );
  assert.deepEqual(
    findings.map((finding) => finding.replace(/, which.*/, '')),
    ['0002_next.sql:3:3 drops quotes.a', '0002_next.sql:3:3 drops quotes.b'],
  );
});

test('SET NOT NULL is let through where a CHECK was validated in a later deployment than it was added in', async (t) => {
  const check = 'ALTER TABLE quotes ADD CONSTRAINT c CHECK (author IS NOT NULL) NOT VALID;';
  const validate = 'ALTER TABLE quotes VALIDATE CONSTRAINT c;';
  const set = 'ALTER TABLE quotes ALTER author SET NOT NULL;';
  const later = await project(t, { '0002_a.sql': check, '0003_b.sql': validate + set });
  assert.deepEqual(await found(later), []);
  const [lock = '', ...more] = await foundIn(t, check + validate + set);
  assert.match(lock, /validate c in a later deployment/);
  assert.deepEqual(more, []);
  assert.equal((await found(await project(t, { '0002_a.sql': check, '0003_b.sql': set }))).length, 1);
});

test('it is accepted in writing right above the statement, and nowhere else', async (t) => {
  const drop = 'DROP TABLE quotes;';
  assert.deepEqual(await foundIn(t, `-- acknowledged: nobody has read it since 2.3.0\n${drop}`), []);
  assert.deepEqual(await foundIn(t, `/* acknowledged: nobody\n reads it */\n-- any more\n${drop}`), []);
  const unfitting = /this is right above no statement that needs it/;
  for (const sql of [
    `-- acknowledged: far away\n\n${drop}`,
    `SELECT 1; -- acknowledged: beside another\n${drop}`,
    `${drop} -- acknowledged: behind it`,
  ]) {
    const findings = await foundIn(t, sql);
    assert.deepEqual([findings.length, findings.some((finding) => unfitting.test(finding))], [2, true], sql);
  }
  assert.match((await foundIn(t, '-- acknowledged: no need\nSELECT 1;')).join(), unfitting);
  for (const comment of ['-- acknowledged', '-- acknowledged: ', '/* acknowledged: */']) {
    const [finding = '', ...more] = await foundIn(t, `${comment}\n${drop}`);
    assert.match(finding, /^0002_next\.sql:1:1 this says no reason/);
    assert.deepEqual(more, []);
  }
});

test('what Postgres does not parse is found where it stops, letters of any width before it', async (t) => {
  assert.deepEqual(await foundIn(t, "-- Up Migration\nSELECT 'é€😀';\n  SELEC 1;\n"), [
    '0002_next.sql:3:3 Postgres does not parse this: syntax error at or near "SELEC"',
  ]);
  assert.match((await foundIn(t, "SELECT 'no end")).join(), /:1:8 .*unterminated quoted string/);
  assert.match(
    (await foundIn(t, 'SELECT 1;\n\0DROP TABLE quotes;')).join(),
    /^0002_next\.sql:2:1 .*zero byte/,
  );
  assert.match((await foundIn(t, `SELECT ${'('.repeat(20_000)}1`)).join(), /memory exhausted/);
  assert.deepEqual(await foundIn(t, '-- Up Migration\n'), []);
  assert.deepEqual(await foundIn(t, ''), []);
});

test('only the Up part counts, and a Down part without it is found, as node-pg-migrate runs it', async (t) => {
  assert.deepEqual(await foundIn(t, '-- Down Migration\nDROP TABLE quotes;\n-- Up Migration\nSELECT 1;'), []);
  const findings = await foundIn(t, 'SELECT 1;\n-- Down Migration\nDROP TABLE quotes;');
  assert.equal(findings.length, 2);
  assert.match(findings.join(), /the Down part is run as well/);
});

test('numbers are held: twice, missing, none', async (t) => {
  const findings = async (...names: string[]) =>
    found(await project(t, Object.fromEntries(names.map((name) => [name, 'SELECT 1;']))));
  assert.match(
    (await findings('0002_a.sql', '0002_b.sql')).join(),
    /^0002_b\.sql:1 0002_a\.sql has the number 0002 too/,
  );
  assert.match((await findings('0003_a.sql')).join(), /^0003_a\.sql:1 no migration has the number 2/);
  assert.match((await findings('a.sql')).join(), /begins with its number/);
  assert.deepEqual(await findings('1730000000000_a.sql', '1740000000000_b.sql', '0002_a.down.sql'), []);
});

/** The project as a git repository, its migrations on main and a branch checked out. */
async function landed(t: TestContext, migrations: Record<string, string>): Promise<string> {
  const root = await project(t, migrations);
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
  for (const args of [
    ['init', '--quiet', '--initial-branch=main'],
    ['add', '.'],
    ['commit', '--quiet', '--message=x'],
    ['switch', '--quiet', '--create', 'change'],
  ]) {
    await execa('git', ['-C', root, ...identity, ...args]);
  }
  return root;
}

test('what is on main is judged no more, and must stay as it is', async (t) => {
  const root = await landed(t, { '0002_gone.sql': 'DROP TABLE old;', '0003_last.sql': 'SELECT 1;' });
  assert.deepEqual(await found(root), []);
  await add(root, { '0004_next.sql': 'DROP TABLE quotes;' });
  assert.equal((await found(root)).length, 1);

  await add(root, { '0002_gone.sql': 'DROP TABLE older;', '0004_next.sql': 'SELECT 2;' });
  assert.match((await found(root)).join(), /^0002_gone\.sql:1 this has run already and does not run again/);

  await add(root, { '0002_gone.sql': 'DROP TABLE old;' });
  const file = (name: string) => path.join(root, 'service/migrations', name);
  await rename(file('0003_last.sql'), file('0003_renamed.sql'));
  assert.match((await found(root)).join(), /^0003_last\.sql this has run already, and no migration runs/);

  await rename(file('0003_renamed.sql'), file('0003_last.sql'));
  await add(root, { '0001_a.sql': 'SELECT 1;' });
  assert.match(
    (await found(root)).join('\n'),
    /^0001_a\.sql:1 this comes before 0003_last\.sql, which has run/m,
  );
});

test('what is not on main yet runs in one transaction, however many files it is', async (t) => {
  const check = 'ALTER TABLE quotes ADD CONSTRAINT c CHECK (author IS NOT NULL) NOT VALID;';
  const validate = 'ALTER TABLE quotes VALIDATE CONSTRAINT c; ALTER TABLE quotes ALTER author SET NOT NULL;';
  const together = await landed(t, {});
  await add(together, { '0002_a.sql': check, '0003_b.sql': validate });
  assert.match(
    (await found(together)).join(),
    /^0003_b\.sql:1:1 reads every row of quotes while its ADD CONSTRAINT/,
  );
  const apart = await landed(t, { '0002_a.sql': check });
  await add(apart, { '0003_b.sql': validate });
  assert.deepEqual(await found(apart), []);
});

test('a link is not followed, and is found where migrations are', async (t) => {
  const root = await project(t, {});
  await symlink('/etc/passwd', path.join(root, 'service/migrations/0002_a.sql'));
  assert.match((await found(root)).join(), /^0002_a\.sql:1 what a link leads to is not read/);
  await rename(path.join(root, 'service/migrations'), path.join(root, 'elsewhere'));
  await symlink('../elsewhere', path.join(root, 'service/migrations'));
  assert.match((await found(root)).join(), /^migrations:1 what a link leads to is not read/);
});

test('a folder of migrations that node-pg-migrate does not run is left alone', async (t) => {
  const root = await project(t, { '0002_a.sql': 'DROP TABLE quotes;' });
  await writeFile(path.join(root, 'service/package.json'), '{"dependencies": {"pg": "8"}}');
  assert.deepEqual(await found(root), []);
});

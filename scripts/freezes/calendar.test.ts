import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { CannotRun } from '../cli.ts';
import { activeFreezes, readFreezes } from './calendar.ts';
import { syncWindows } from './sync-windows.ts';

const yearEnd = `  - name: year-end
    environments: [prod]
    from: 2026-12-20T00:00:00Z
    to: 2027-01-04T06:00:00+02:00
    reason: nobody is there
`;
const weekends = `  - name: weekends
    environments: [staging, prod]
    schedule: "0 18 * * 5"
    duration: 60h
    timeZone: Europe/Berlin
    reason: nobody is there
`;
const override = `  - freeze: year-end
    environment: prod
    owner: "@quotes/platform"
    reason: nobody can log in
    until: 2026-12-21T12:00:00Z
`;

async function repository(t: TestContext, text: string): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-freezes-'));
  t.after(() => rm(root, { recursive: true }));
  await mkdir(path.join(root, 'policies'));
  await writeFile(path.join(root, 'policies/freezes.yaml'), text);
  return root;
}

async function active(t: TestContext, text: string, environment: string, at: string): Promise<string[]> {
  const freezes = await readFreezes(await repository(t, text));
  return activeFreezes(freezes, environment, new Date(at)).map(
    ({ name, reason, until }) => `${name} (${reason}) until ${until.toISOString()}`,
  );
}

test('a freeze that comes once holds from its first minute on, in its environments and those below them', async (t) => {
  const text = `freezes:\n${yearEnd}`;
  const held = ['year-end (nobody is there) until 2027-01-04T04:00:00.000Z'];
  assert.deepEqual(await active(t, text, 'prod', '2026-12-19T23:59:59Z'), []);
  assert.deepEqual(await active(t, text, 'prod', '2026-12-20T00:00:00Z'), held);
  assert.deepEqual(await active(t, text, 'prod/eu', '2027-01-04T03:59:59Z'), held);
  assert.deepEqual(await active(t, text, 'prod', '2027-01-04T04:00:00Z'), []);
  assert.deepEqual(await active(t, text, 'staging', '2026-12-24T00:00:00Z'), []);
  // A year later it is over, whatever Argo CD makes of it.
  assert.deepEqual(await active(t, text, 'prod', '2027-12-24T00:00:00Z'), []);
});

test('an override lets through what its freeze holds up there, and no more, until it is over', async (t) => {
  const text = `freezes:\n${yearEnd}${weekends}overrides:\n${override}`;
  const names = async (environment: string, at: string) =>
    (await active(t, text, environment, at)).map((found) => found.split(' ')[0]);
  assert.deepEqual(await names('prod', '2026-12-20T12:00:00Z'), ['weekends']);
  assert.deepEqual(await names('prod', '2026-12-21T11:59:59Z'), []);
  assert.deepEqual(await names('prod', '2026-12-21T12:00:00Z'), ['year-end']);
  assert.deepEqual(await names('staging', '2026-12-20T12:00:00Z'), ['weekends']);
});

test('Argo CD is told the first minute of what comes once, and nothing of what is overridden', async (t) => {
  const freezes = await readFreezes(await repository(t, `freezes:\n${yearEnd}${weekends}`));
  const kept = { kind: 'deny', applications: ['*'], manualSync: true };
  const friday = {
    ...kept,
    schedule: '0 18 * * 5',
    duration: '60h',
    timeZone: 'Europe/Berlin',
    description: 'weekends: nobody is there',
  };
  assert.deepEqual(syncWindows(freezes, 'prod'), [
    {
      ...kept,
      schedule: '0 0 20 12 *',
      duration: '364h',
      timeZone: 'UTC',
      description: 'year-end: nobody is there',
    },
    friday,
  ]);
  const overridden = `freezes:\n${yearEnd}${weekends}overrides:\n${override}`;
  assert.deepEqual(syncWindows(await readFreezes(await repository(t, overridden)), 'prod'), [friday]);
  // Two windows that are the same but for their words make the project invalid.
  const twice = `freezes:\n${weekends}${weekends.replace('weekends', 'again')}`;
  assert.deepEqual(syncWindows(await readFreezes(await repository(t, twice)), 'staging'), [friday]);
  const long = `freezes:\n${weekends.replace('nobody is there', 'ü'.repeat(200))}`;
  const [window] = syncWindows(await readFreezes(await repository(t, long)), 'staging');
  assert.equal(window?.description, 'weekends');
});

test('a repository without the file has no freezes', async () => {
  assert.deepEqual(await readFreezes(tmpdir()), { freezes: [], overrides: [] });
});

for (const [what, text, problem] of [
  ['no YAML', 'freezes: [', /freezes\.yaml:\d+: /],
  ['no list', 'freezes:\n', /:1: freezes must be array, not null/],
  ['a field that is none', `freezes:\n${weekends}    days: 3\n`, /:8: unknown field "freezes\.0\.days"/],
  ['no reason', `freezes:\n${weekends.replace(/ +reason.*\n/, '')}`, /:2: freezes\.0 lacks "reason"/],
  [
    'neither once nor again',
    `freezes:\n${weekends.replace(/ +schedule.*\n/, '')}`,
    /:2: freezes\.0 lacks "(schedule|from)"/,
  ],
  [
    'both once and again',
    `freezes:\n${yearEnd}    schedule: "* * * * *"\n    duration: 1h\n`,
    /freezes\.0\.\w+ /,
  ],
  [
    'a day that is none',
    `freezes:\n${yearEnd.replace('12-20', '11-31')}`,
    /:4: freezes\.0\.from is 2026-11-31T00:00:00Z, and there is no such time/,
  ],
  [
    'an end before its beginning',
    `freezes:\n${yearEnd.replace('2027-01', '2026-11')}`,
    /:5: freezes\.0\.to must be after from/,
  ],
  [
    'a second',
    `freezes:\n${yearEnd.replace('00:00:00Z', '00:00:30Z')}`,
    /:4: freezes\.0\.from must match pattern/,
  ],
  ['no schedule', `freezes:\n${weekends.replace('0 18', '18')}`, /:4: freezes\.0\.schedule has 4 fields/],
  [
    'no duration',
    `freezes:\n${weekends.replace('60h', '0h')}`,
    /:5: freezes\.0\.duration must be more than nothing/,
  ],
  ['no time zone', `freezes:\n${weekends.replace('Europe/', '')}`, /:6: freezes\.0\.timeZone is "Berlin"/],
  [
    'a name twice',
    `freezes:\n${weekends}${weekends}`,
    /:8: freezes\.1\.name is weekends, as another freeze's/,
  ],
  [
    'an override of nothing',
    `freezes:\n${weekends}overrides:\n${override}`,
    /:9: overrides\.0\.freeze is year-end, and no freeze is called so/,
  ],
  [
    'an override elsewhere',
    `freezes:\n${yearEnd}overrides:\n${override.replace('prod', 'dev')}`,
    /:9: overrides\.0\.environment is dev, and year-end freezes prod/,
  ],
] as const) {
  test(`freezes with ${what} cannot be read, and the line is named`, async (t) => {
    const root = await repository(t, text);
    await assert.rejects(readFreezes(root), (error) => {
      assert.ok(error instanceof CannotRun);
      assert.match(error.message, problem);
      return true;
    });
  });
}

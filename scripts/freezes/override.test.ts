import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { YamlFile } from '../check/yaml/yaml-files.ts';
import { CannotRun } from '../cli.ts';
import { freezesFile, parseFreezes } from './calendar.ts';
import { addOverride, withOverride } from './override.ts';
import { frozenFile, writeFrozen } from './sync-windows.ts';

const now = new Date('2026-12-21T08:00:00Z');
const override = {
  freeze: 'year-end',
  environment: 'prod',
  owner: '@quotes/platform',
  reason: 'nobody can log in: "500"',
  until: new Date('2026-12-21T12:00:00Z'),
};
const written = `  - freeze: year-end
    environment: prod
    owner: "@quotes/platform"
    reason: 'nobody can log in: "500"'
    until: 2026-12-21T12:00:00Z
`;
const freezes = `# When nothing may change.

freezes:
  - {name: year-end, environments: [ prod ], from: 2026-12-20T00:00:00Z,
     to: 2027-01-04T06:00:00Z, reason: nobody is there}   # all of us
  - name: year-start
    environments: [staging]
    schedule: "0 0 1 1 *"
    duration: 12h
    reason: nobody is awake
`;
const another = `  - freeze: year-start
    environment: staging
    owner: somebody
    reason: a reason, folded
    until: 2026-12-21T10:00:00Z
`;

async function repository(t: TestContext, text: string): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-override-'));
  t.after(() => rm(root, { recursive: true }));
  await mkdir(path.join(root, 'policies'));
  await writeFile(path.join(root, freezesFile), text);
  return root;
}

test('an override is written behind the others, and the sync windows without its freeze', async (t) => {
  const root = await repository(t, `${freezes}overrides: []\n`);
  await writeFrozen(root);
  const windows = await readFile(path.join(root, frozenFile), 'utf8');
  assert.match(windows, /labelSelector: environment=prod/);
  assert.deepEqual(await addOverride(root, override, now), [freezesFile, frozenFile]);
  assert.equal(await readFile(path.join(root, freezesFile), 'utf8'), `${freezes}overrides:\n${written}`);
  const left = await readFile(path.join(root, frozenFile), 'utf8');
  assert.doesNotMatch(left, /environment=prod/);
  assert.match(left, /environment=staging/);
  // Argo CD holds nothing of it any more: there is nothing to make anew.
  const later = { ...override, until: new Date('2026-12-21T14:00:00Z') };
  assert.deepEqual(await addOverride(root, later, now), [freezesFile]);
});

for (const [what, before, after] of [
  ['no list', freezes, `${freezes}overrides:\n${written}`],
  ['no list, and no end of the last line', freezes.trimEnd(), `${freezes}overrides:\n${written}`],
  ['nothing', `${freezes}overrides:\n`, `${freezes}overrides:\n${written}`],
  ['nothing at the end', `${freezes}overrides:`, `${freezes}overrides:\n${written}`],
  [
    'brackets and a comment',
    `${freezes}overrides: [] # audited\n# the end\n`,
    `${freezes}overrides:  # audited\n${written}# the end\n`,
  ],
  ['brackets before the freezes', `overrides: [ ]\n\n${freezes}`, `overrides:\n${written}\n${freezes}`],
  ['one', `${freezes}overrides:\n${another}`, `${freezes}overrides:\n${another}${written}`],
  [
    'one that is not indented, with comments behind',
    `overrides: # audited\n${another.replaceAll(/^ {2}/gm, '').replace('Z\n', 'Z # soon\n')}\n# And:\n${freezes}`,
    `overrides: # audited\n${another.replaceAll(/^ {2}/gm, '').replace('Z\n', 'Z # soon\n')}${written.replaceAll(/^ {2}/gm, '')}\n# And:\n${freezes}`,
  ],
  [
    'one that ends with a folded text',
    `${freezes}overrides:\n${another.replace(/( +reason: )(.*\n)(.*\n)/, '$3$1>\n      $2')}\n`,
    `${freezes}overrides:\n${another.replace(/( +reason: )(.*\n)(.*\n)/, '$3$1>\n      $2')}${written}\n`,
  ],
  [
    'one in brackets',
    `${freezes}overrides: [{freeze: year-start, environment: staging, owner: me, reason: 'because of it', until: 2026-12-21T10:00:00Z}] #\n`,
    `${freezes}overrides: [{freeze: year-start, environment: staging, owner: me, reason: 'because of it', until: 2026-12-21T10:00:00Z}, {"freeze":"year-end","environment":"prod","owner":"@quotes/platform","reason":"nobody can log in: \\"500\\"","until":"2026-12-21T12:00:00Z"}] #\n`,
  ],
] as const) {
  for (const newline of ['\n', '\r\n']) {
    test(`to a file with ${what} under overrides nothing else happens${newline === '\n' ? '' : ', with its line ends'}`, () => {
      const lines = (text: string) => text.replaceAll('\n', newline);
      const text = withOverride(lines(before), override);
      assert.equal(text, lines(after));
      const read = parseFreezes(new YamlFile(freezesFile, text));
      assert.deepEqual(read.problems, []);
      const { line: _, ...last } = read.freezes.overrides.at(-1) ?? { line: 0 };
      assert.deepEqual(last, override);
    });
  }
}

for (const [what, change, problem] of [
  ['of no freeze', { freeze: 'summer' }, /no freeze is called summer; there is year-end, year-start/],
  ['elsewhere', { environment: 'staging' }, /environment is staging, and year-end freezes prod/],
  ['of nobody', { owner: '' }, /overrides\.0\.owner must NOT have fewer than 2 characters/],
  ['without a reason', { reason: 'because' }, /overrides\.0\.reason must NOT have fewer than 10/],
  ['for longer than a day', { until: new Date('2026-12-22T08:00:01Z') }, /until must be later than now/],
  ['that is over', { until: now }, /until must be later than now/],
  ['until no time', { until: new Date('soon') }, /until must be later than now/],
] as const) {
  test(`an override ${what} is refused, and nothing is written`, async (t) => {
    const text = `${freezes}overrides: []\n`;
    const root = await repository(t, text);
    await assert.rejects(addOverride(root, { ...override, ...change }, now), (error) => {
      assert.ok(error instanceof CannotRun);
      assert.match(error.message, problem);
      return true;
    });
    assert.equal(await readFile(path.join(root, freezesFile), 'utf8'), text);
  });
}

test('a file in which it cannot be told where an override goes is left alone', async (t) => {
  const text = `{"freezes": [{"name": "year-end", "environments": ["prod"], "schedule": "* * * * *", "duration": "1h", "reason": "nobody is there"}], "overrides": []}`;
  const root = await repository(t, text);
  await assert.rejects(addOverride(root, override, now), CannotRun);
  assert.equal(await readFile(path.join(root, freezesFile), 'utf8'), text);
});

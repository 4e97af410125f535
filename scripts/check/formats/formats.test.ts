import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import sarifSchema from '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json' with { type: 'json' };
import { Ajv } from 'ajv';
import { SaxesParser } from 'saxes';
import type { Finding, Report, Rule } from '../model.ts';
import { formats } from './formats.ts';
import { disarmed, github } from './github.ts';
import { type Judged, sourceLines } from './judged.ts';
import { junit } from './junit.ts';
import { markdown } from './markdown.ts';
import { sarif } from './sarif.ts';
import { terminal } from './terminal.ts';

const rules: Rule[] = ['probes', 'render-failed', 'minimum-replicas'].map((id) => ({
  id,
  group: 'availability',
  severity: 'error',
  gates: 'both',
  why: `Why ${id}: a < b & {0} | @everyone`,
  fix: `Mend ${id}.`,
}));

const finding: Finding = {
  rule: 'probes',
  severity: 'error',
  environment: 'dev',
  object: { kind: 'Deployment', namespace: 'dev', name: 'web' },
  file: 'base/web.yaml',
  line: 2,
  column: 3,
  message: 'no livenessProbe: web',
};

/** What a manifest's author could put into a message: markup of every format, and what none of them can hold. */
const nasty = {
  ...finding,
  rule: 'minimum-replicas',
  file: 'base/a, b:c 100%/[x](y).yaml',
  message: [
    '::error::owned',
    '##[error]owned',
    'a\r\nb | c <img src=x> `code` @team #1 [link](https://127.0.0.1) {0} 100%, "q" \'q\' ]]>',
    '\u0000\u0008\u001b[31mred\u001b[0m \ufffe \ud800 \u{1f600} \u202e',
  ].join('\n'),
};

function judged(findings: Finding[], changes: Partial<Report['coverage']> = {}): Judged {
  const coverage = {
    environments: ['dev', 'prod'],
    objects: 5,
    validated: 5,
    skipped: 0,
    policies: 3,
    passedOver: [],
    ...changes,
  };
  const lines: Record<string, string> = { 2: '  spec:', 3: '\tspec: {}' };
  return { report: { findings, coverage }, rules, sourceLine: ({ line }) => lines[line ?? 0] ?? '' };
}

const inBoth = [
  finding,
  { ...finding, environment: 'prod', object: { ...finding.object, namespace: 'prod' } },
];

// The package carries the schema as draft 4; of what it uses, only the name of `id` differs in draft 7.
const { $schema: _, id: __, ...draft7 } = sarifSchema;
const isSarif = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(draft7);

type Sarif = {
  runs: {
    tool: { driver: { rules: { id: string }[] } };
    results: {
      ruleId: string;
      ruleIndex: number;
      level: string;
      message: { text: string };
      locations: { physicalLocation: { artifactLocation: { uri: string }; region?: unknown } }[];
      partialFingerprints: Record<string, string>;
      properties: { environment: string };
    }[];
  }[];
};

function readSarif(given: Judged) {
  const log = JSON.parse(sarif(given)) as Sarif;
  assert.ok(isSarif(log), JSON.stringify(isSarif.errors, null, 1));
  const run = log.runs[0];
  assert.ok(run);
  return run;
}

/** Parses XML, and fails on what is not well-formed. */
function readXml(text: string) {
  const parser = new SaxesParser();
  const elements: { name: string; attributes: Record<string, string> }[] = [];
  let content = '';
  parser.on('error', (error) => assert.fail(error));
  parser.on('opentag', ({ name, attributes }) => elements.push({ name, attributes }));
  parser.on('text', (piece) => {
    content += piece;
  });
  parser.write(text).close();
  return { content, named: (name: string) => elements.filter((element) => element.name === name) };
}

test('every format tells of nothing, of a finding, and of one without a place', () => {
  const { line: _line, column: _column, ...placeless } = finding;
  for (const findings of [[], [finding], [placeless], [nasty]]) {
    for (const [name, format] of Object.entries(formats)) {
      const text = format(judged(findings));
      assert.ok(text !== '' || (name === 'github' && findings.length === 0), name);
      assert.ok(!text.includes('\x1b') && !text.includes('undefined'), `${name}: ${text}`);
    }
  }
});

test('json is the report and nothing else', () => {
  const given = judged(inBoth);
  assert.deepEqual(JSON.parse(formats.json(given)), given.report);
});

test('terminal shows a finding of two environments once, a caret under its column, and each rule once', () => {
  const text = terminal(judged([...inBoth, { ...finding, line: 3, column: 2, message: 'another' }]));
  assert.equal(
    text,
    `base/web.yaml
  2:3  error  probes  no livenessProbe: web (Deployment web in dev, prod)
       │   spec:
       │   ^
  3:2  error  probes  another (Deployment web in dev)
       │ \tspec: {}
       │ \t^

probes
  why  Why probes: a < b & {0} | @everyone
  fix  Mend probes.

2 findings, 3 counting each environment, in 5 objects (dev, prod); 5 validated, 0 skipped; 3 policies`,
  );
});

test('terminal points at the first word of a line whose column is not known', () => {
  const { column: _column, ...columnless } = finding;
  assert.match(terminal(judged([columnless])), /│ {3}spec:\n +│ {3}\^\n/);
});

test('terminal colours when asked, and lets no manifest colour or command', () => {
  assert.ok(terminal(judged([finding]), true).includes('\x1b[31merror'));
  const lines = terminal(judged([nasty])).split('\n');
  assert.ok(lines.some((line) => line.includes('##[error]owned')));
  assert.deepEqual(
    lines.filter((line) => line.trimStart().startsWith('::')),
    [],
  );
});

test('sarif is valid by its schema, with the rule of each result', () => {
  const { tool, results } = readSarif(judged([...inBoth, nasty]));
  assert.deepEqual(
    results.map(({ ruleId, ruleIndex, properties }) => [
      ruleId,
      tool.driver.rules[ruleIndex]?.id,
      properties.environment,
    ]),
    [
      ['probes', 'probes', 'dev'],
      ['probes', 'probes', 'prod'],
      ['minimum-replicas', 'minimum-replicas', 'dev'],
    ],
  );
  assert.deepEqual(results[0]?.locations[0]?.physicalLocation, {
    artifactLocation: { uri: 'base/web.yaml', uriBaseId: '%SRCROOT%' },
    region: { startLine: 2, startColumn: 3 },
  });
  const [, , odd] = results;
  assert.equal(
    odd?.locations[0]?.physicalLocation.artifactLocation.uri,
    'base/a%2C%20b%3Ac%20100%25/%5Bx%5D(y).yaml',
  );
  assert.ok(odd?.message.text.includes('{{0}}'));
});

test('the schema refuses what is no SARIF', () => {
  assert.ok(!isSarif({ version: '2.1.0', runs: [{ results: [] }] }));
});

test('a sarif fingerprint stays when lines move, and differs by place, environment and occurrence', () => {
  const prints = (...findings: Finding[]) =>
    readSarif({ ...judged(findings), sourceLine: () => '  spec:' }).results.map(
      ({ partialFingerprints }) => partialFingerprints['finding/v1'],
    );
  const moved = { ...finding, line: 90, column: 7 };
  assert.deepEqual(prints(finding), prints(moved));
  assert.equal(new Set(prints(...inBoth, moved, { ...finding, file: 'base/other.yaml' })).size, 4);
});

test('junit is well-formed with a suite per environment, whatever a message holds', () => {
  const xml = readXml(junit(judged([...inBoth, nasty])));
  assert.deepEqual(
    xml.named('testsuite').map(({ attributes }) => [attributes.name, attributes.tests, attributes.failures]),
    [
      ['repository', '3', '0'],
      ['dev', '3', '2'],
      ['prod', '3', '1'],
    ],
  );
  assert.equal(xml.named('failure').length, 3);
  const message = xml.named('failure')[1]?.attributes.message ?? '';
  assert.ok(message.includes(`b | c <img src=x> \`code\` @team #1`), message);
  assert.ok(message.includes('\u{1f600}') && !message.includes('\u0008'));
});

test('a warning is told of as one: no failed case in junit, a word of its own in the verdict', () => {
  const warning = { ...finding, severity: 'warning' as const };
  const xml = readXml(junit(judged([warning])));
  assert.equal(xml.named('testsuites')[0]?.attributes.failures, '0');
  assert.equal(xml.named('system-out').length, 1);
  assert.match(xml.content, /warning: /);
  assert.match(terminal(judged([warning])), /^1 warning in 5 objects/m);
  assert.match(
    terminal(judged([warning, { ...finding, environment: 'prod' }])),
    /^2 findings \(1 warning\) in 5 objects/m,
  );
  assert.equal(readSarif(judged([warning])).results[0]?.level, 'warning');
});

test('a green junit says what was judged, and what was not', () => {
  const green = readXml(junit(judged([])));
  assert.equal(green.named('testcase').length, 9);
  assert.equal(green.named('failure').length, 0);
  assert.equal(green.named('testsuites')[0]?.attributes.failures, '0');
  const narrowed = readXml(junit(judged([], { environments: [], passedOver: ['minimum-replicas'] })));
  assert.equal(narrowed.named('skipped').length, 1);
  const unrendered = readXml(junit(judged([{ ...finding, rule: 'render-failed' }])));
  const [, dev] = unrendered.named('testsuite');
  assert.deepEqual(
    [dev?.attributes.name, dev?.attributes.failures, dev?.attributes.skipped],
    ['dev', '1', '2'],
  );
});

test('github writes a command a line, which no message and no file name can leave', () => {
  assert.equal(
    github(judged(inBoth)),
    '::error file=base/web.yaml,line=2,col=3,title=probes::no livenessProbe: web (Deployment web in dev, prod)',
  );
  const text = github(judged([nasty, { ...finding, severity: 'warning' }]));
  const [odd = '', plain = '', ...more] = text.split(/\r?\n/);
  assert.deepEqual(more, []);
  assert.ok(
    odd.startsWith('::error file=base/a%2C b%3Ac 100%25/[x](y).yaml,line=2,col=3,title=minimum-replicas::'),
    odd,
  );
  assert.ok(odd.includes('%0Aa%0Ab | c') && odd.includes('100%25,'), odd);
  assert.ok(plain.startsWith('::warning file='));
  assert.match(github(judged([{ ...finding, file: 'a\r\nb.yaml' }])), /^::error file=a%0D%0Ab\.yaml,line=2/);
});

test('what is disarmed names no token that its text could know', () => {
  const [first = '', text, last] = disarmed('::error::x').split('\n');
  assert.equal(text, '::error::x');
  assert.equal(first.replace('::stop-commands::', ''), last?.replaceAll('::', ''));
  assert.notEqual(first, disarmed('x').split('\n')[0]);
});

test('markdown is a table whose cells no message can leave', () => {
  const lines = markdown(judged([...inBoth, nasty])).split('\n');
  assert.equal(lines[0], '❌ **2 findings, 3 counting each environment, in 5 objects (dev, prod)**');
  const table = lines.filter((line) => line.startsWith('|'));
  assert.equal(table.length, 4);
  for (const row of table) {
    assert.equal(row.replaceAll('\\|', '').split('|').length, 8, row);
  }
  assert.equal(
    table[2],
    '| error | probes | dev, prod | Deployment web | base/web.yaml:2:3 | no livenessProbe: web |',
  );
  const odd = table[3] ?? '';
  assert.ok(odd.includes('&lt;img src=x&gt; \\`code\\` @&#8203;team #&#8203;1 \\[link\\](https\\://'), odd);
  assert.ok(lines.includes('Why probes: a &lt; b &amp; {0} \\| @&#8203;everyone'), lines.join('\n'));
  assert.ok(markdown(judged([])).startsWith('✅ **no findings in 5 objects (dev, prod)**\n'));
});

test('markdown stays below the length of a comment and says how many findings it leaves out', () => {
  const many = Array.from({ length: 2000 }, (_, index) => ({ ...finding, line: index + 1 }));
  const text = markdown(judged([{ ...finding, message: 'x'.repeat(70_000) }, ...many]));
  assert.ok(text.length <= 65_536 && text.length > 65_000, String(text.length));
  const rows = text.split('\n').filter((line) => line.startsWith('| error')).length;
  assert.match(text, new RegExp(`\\*\\*${2001 - rows} more did not fit`));
});

test('source lines are those of the root, and none of what is no file', async (t) => {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-lines-test-'));
  t.after(() => rm(root, { recursive: true }));
  await writeFile(path.join(root, 'a.yaml'), 'a: 1\r\nb: 2\r\n');
  const lines = sourceLines(root);
  assert.equal(lines({ file: 'a.yaml', line: 2 }), 'b: 2');
  assert.equal(lines({ file: 'a.yaml', line: 9 }), '');
  assert.equal(lines({ file: 'a.yaml' }), '');
  assert.equal(lines({ file: '.', line: 1 }), '');
  assert.equal(lines({ file: 'gone.yaml', line: 1 }), '');
});

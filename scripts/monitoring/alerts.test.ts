import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { repoRoot } from '../paths.ts';
import { promtool } from './promtool.ts';
import { queries } from './queries.ts';
import { type Rule, ruleFiles, rules, ruleTests } from './rules.ts';

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-alerts-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** The rules as plain files, which is what promtool reads, with their tests beside them. */
async function plainFiles(folder: string): Promise<{ rules: string[]; tests: string[] }> {
  const files = await ruleFiles();
  const tests = await ruleTests();
  await Promise.all([
    ...files.map(({ file, spec }) => writeFile(path.join(folder, file), JSON.stringify(spec))),
    ...tests.map(({ file, text }) => writeFile(path.join(folder, file), text)),
  ]);
  return { rules: files.map(({ file }) => file), tests: tests.map(({ file }) => file) };
}

test('Prometheus takes the rules, and has nothing to say of their style', async (t) => {
  const folder = await scratch(t);
  const plain = await plainFiles(folder);
  assert.deepEqual(
    plain.tests,
    plain.rules.map((file) => file.replace('.yaml', '.test.yaml')),
  );
  const { exitCode, output } = await promtool(folder, [
    'check',
    'rules',
    '--lint=all',
    '--lint-fatal',
    ...plain.rules,
  ]);
  assert.equal(exitCode, 0, output);
});

test('each alert fires when it must and is silent when it must not', async (t) => {
  const folder = await scratch(t);
  const plain = await plainFiles(folder);
  const { exitCode, output } = await promtool(folder, ['test', 'rules', ...plain.tests]);
  assert.equal(exitCode, 0, output);
});

test('an alert that is loosened, one that is tightened and a shorter wait are found by the tests', async (t) => {
  const folder = await scratch(t);
  await plainFiles(folder);
  const spoilt: [file: string, from: string, to: string][] = [
    ['quote-app.yaml', '> 14.4 * 0.001', '> 144 * 0.001'],
    ['quote-app.yaml', '>= 5', '>= 3'],
    ['quote-app.yaml', '>= 5', '>= 50'],
    ['quote-app.yaml', '[3d]))\\nunless', '[2h]))\\nunless'],
    ['quote-app.yaml', '/livez|/readyz', '/livez'],
    ['quote-app.yaml', 'status!~\\"5..\\"', 'status!~\\"x\\"'],
    ['postgres.yaml', '> 30', '> 0'],
    ['postgres.yaml', '"for":"10m"', '"for":"5m"'],
    ['argocd.yaml', 'offset 30m', 'offset 5m'],
    ['argocd.yaml', '> time() - 1800', '> time() - 600'],
    ['expiry.yaml', 'by (instance) (quotes_exemptions)', 'by (job) (quotes_exemptions)'],
    ['expiry.yaml', '21 * 86400', '22 * 86400'],
    ['monitoring.yaml', '[1d]', '[10m]'],
  ];
  for (const [file, from, to] of spoilt) {
    const before = await readFile(path.join(folder, file), 'utf8');
    assert.ok(before.includes(from), `${file} has no ${from}`);
    await writeFile(path.join(folder, file), before.replaceAll(from, to));
    const { exitCode } = await promtool(folder, ['test', 'rules', file.replace('.yaml', '.test.yaml')]);
    assert.equal(exitCode, 1, `${file}: ${to} in place of ${from} is not noticed`);
    await writeFile(path.join(folder, file), before);
  }
});

const alerts = (all: Rule[]) => all.filter(({ alert }) => alert !== undefined);

test('each alert, as a page and as a ticket, fires in a test', async () => {
  const text = (await ruleTests()).map((one) => one.text).join('\n');
  for (const { alert, labels } of alerts(await rules())) {
    const fires = new RegExp(`ALERTS\\{alertname="${alert}".*severity="${labels?.severity}"\\}`);
    assert.match(text, fires);
  }
});

test('each alert says how urgent it is, what is wrong, what to do next, and where more of that is', async () => {
  const operations = await readFile(path.join(repoRoot, 'docs/operations.md'), 'utf8');
  const sections = [...operations.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
  const names = new Set<string>();
  for (const { alert = '', labels, annotations = {} } of alerts(await rules())) {
    names.add(alert);
    assert.match(labels?.severity ?? '', /^(page|ticket)$/, alert);
    assert.deepEqual(Object.keys(annotations), ['summary', 'description', 'runbook'], alert);
    assert.equal(annotations.runbook, `docs/operations.md#${alert.toLowerCase()}`);
  }
  // A section without an alert is of one that is gone.
  assert.deepEqual(sections.toSorted(), [...names].sort());
});

test('Prometheus parses what the dashboard asks', async (t) => {
  const folder = await scratch(t);
  const asked = (await queries()).filter(({ where }) => where.startsWith('panel '));
  const recorded = asked.map(({ expr }, index) => ({ record: `panel:${index}`, expr }));
  await writeFile(
    path.join(folder, 'panels.yaml'),
    JSON.stringify({ groups: [{ name: 'panels', rules: recorded }] }),
  );
  const { exitCode, output } = await promtool(folder, ['check', 'rules', '--lint=none', 'panels.yaml']);
  assert.equal(exitCode, 0, output);
  assert.match(output, new RegExp(`${asked.length} rules found`));
});

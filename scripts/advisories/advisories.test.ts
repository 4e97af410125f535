import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { CannotRun } from '../cli.ts';
import { repoRoot } from '../paths.ts';
import { type Accepted, readAccepted } from './exemptions.ts';
import { govulncheckAdvisories } from './go.ts';
import { judge } from './judge.ts';
import type { Advisory } from './model.ts';
import { npmAnswer } from './npm.ts';

const today = new Date('2026-11-29T12:00:00Z');
const yaml: Advisory = {
  ecosystem: 'go',
  id: 'GO-2026-9999',
  package: 'go.yaml.in/yaml/v2',
  title: 'It takes too long',
  url: 'https://pkg.go.dev/vuln/GO-2026-9999',
  remedy: 'go.yaml.in/yaml/v2 v2.4.4; v3.99.0 mends it',
  files: ['scripts/tools/check/go.mod'],
};
const accepted = (changes: Partial<Accepted> = {}): Accepted => ({
  id: yaml.id,
  package: yaml.package,
  owner: '@quotes/platform',
  reason: 'it reads our own files only',
  expires: '2026-12-31',
  line: 3,
  ...changes,
});
const told = (entries: Accepted[], advisories: Advisory[] = [yaml]) =>
  judge([{ ecosystem: 'go', advisories }], entries, today).map(
    ({ kind, file, line, message }) => `${file}:${line ?? ''} ${kind} ${message}`,
  );

test('an advisory is a finding until it is accepted for that package, and again when that is over', () => {
  const finding =
    'scripts/tools/check/go.mod: advisory GO-2026-9999 of go.yaml.in/yaml/v2: It takes too long ' +
    '(go.yaml.in/yaml/v2 v2.4.4; v3.99.0 mends it) https://pkg.go.dev/vuln/GO-2026-9999';
  assert.deepEqual(told([]), [finding]);
  assert.deepEqual(told([accepted()]), []);
  assert.deepEqual(told([accepted({ expires: '2026-11-29' })]), []);
  assert.deepEqual(told([accepted({ expires: '2026-11-28' })]), [
    finding,
    'policies/advisories.yaml:3 expired GO-2026-9999 of go.yaml.in/yaml/v2 was accepted until 2026-11-28',
  ]);
  assert.deepEqual(told([accepted({ package: 'go.yaml.in/yaml/v3' })]), [
    finding,
    'policies/advisories.yaml:3 unused GO-2026-9999 of go.yaml.in/yaml/v3 is accepted, and nothing here has it: delete the entry',
  ]);
});

test('an entry that is too long, twice there, of no day, or of nothing is a finding; of what was not asked it is not known', () => {
  assert.match(told([accepted({ expires: '2027-08-01' })]).join(), /2027-05-28 is the furthest day/);
  assert.match(
    told([accepted(), accepted({ line: 9 })]).join(),
    /^policies\/advisories.yaml:9 exemption \S+ of \S+ is accepted twice$/,
  );
  assert.match(told([accepted({ expires: '2027-02-30' })]).join(), /there is no such day/);
  assert.match(told([accepted()], []).join(), /unused/);
  assert.deepEqual(judge([{ ecosystem: 'go', unreachable: 'no such host' }], [accepted()], today), []);
});

test("govulncheck's findings count where a program imports the package, not where go.mod only names the module", () => {
  const module = '{"module": "go.yaml.in/yaml/v2", "version": "v2.4.4"';
  // As version 1.9.0 writes them, one after the other, and not as a list.
  const text = [
    '{\n  "config": {\n    "protocol_version": "v1.0.0",\n    "scan_level": "package"\n  }\n}',
    '{\n  "osv": {"id": "GO-2026-9999", "summary": "It takes too long", "database_specific": {"url": "https://pkg.go.dev/vuln/GO-2026-9999"}}\n}',
    `{\n  "finding": {"osv": "GO-2026-9999", "fixed_version": "v3.99.0", "trace": [${module}}]}\n}`,
    `{\n  "finding": {"osv": "GO-2026-9999", "fixed_version": "v3.99.0", "trace": [${module}, "package": "go.yaml.in/yaml/v2"}]}\n}`,
    '{\n  "finding": {"osv": "GO-2026-1", "trace": [{"module": "golang.org/x/net", "version": "v0.1.0"}]}\n}',
  ].join('\n');
  assert.deepEqual(govulncheckAdvisories(text, 'scripts/tools/check/go.mod'), [yaml]);
});

test('what npm could not ask is not taken for nothing', () => {
  const refused =
    '{"message": "405 Method Not Allowed - POST http://x/bulk\\nmore", "statusCode": 405, "error": {"summary": "", "detail": ""}}';
  assert.deepEqual(npmAnswer(refused), {
    ecosystem: 'npm',
    unreachable: '405 Method Not Allowed - POST http://x/bulk',
  });
  const none = '{"auditReportVersion": 2, "vulnerabilities": {}, "metadata": {}}';
  assert.deepEqual(npmAnswer(none), { ecosystem: 'npm', advisories: [] });
});

/** A registry that knows one advisory, as npm asks for it. */
async function registry(t: TestContext): Promise<string> {
  const advisory = {
    id: 1,
    url: 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc',
    title: 'It pads too far',
    severity: 'high',
    vulnerable_versions: '<1.2.0',
  };
  const server = createServer((request, response) => {
    request.resume();
    const bulk = request.url === '/-/npm/v1/security/advisories/bulk';
    response.writeHead(bulk ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(bulk ? { 'pads-left': [advisory] } : {}));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `http://127.0.0.1:${address.port}`;
}

test('the command asks npm itself: 1 for an advisory, 0 for one that is accepted, 2 where nobody answers', async (t) => {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-advisories-'));
  t.after(() => rm(root, { recursive: true }));
  const dependencies = { 'pads-left': '1.1.0' };
  const packages = {
    '': { name: 'x', version: '1.0.0', dependencies },
    'node_modules/pads-left': { version: '1.1.0' },
  };
  await writeFile(
    path.join(root, 'package.json'),
    JSON.stringify({ name: 'x', version: '1.0.0', dependencies }),
  );
  const lock = { name: 'x', version: '1.0.0', lockfileVersion: 3, requires: true, packages };
  await writeFile(path.join(root, 'package-lock.json'), JSON.stringify(lock));
  const program = path.join(repoRoot, 'scripts/advisories.ts');
  const command = async (npm_config_registry: string, ...args: string[]) => {
    const { stdout, stderr, exitCode } = await execa(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', program, '--root', root, ...args],
      { env: { npm_config_registry, npm_config_fetch_retries: '0' }, reject: false },
    );
    return `${exitCode} ${stdout}${stderr}`;
  };
  const answering = await registry(t);
  assert.match(
    await command(answering),
    /^1 package-lock.json {2}advisory {2}GHSA-aaaa-bbbb-cccc of pads-left: It pads too far \(high, of <1\.2\.0; .*mends it\)/,
  );
  const day = new Date(Date.now() + 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
  const entry = {
    id: 'GHSA-aaaa-bbbb-cccc',
    package: 'pads-left',
    owner: '@x',
    reason: 'nothing is padded',
    expires: day,
  };
  await mkdir(path.join(root, 'policies'));
  await writeFile(path.join(root, 'policies/advisories.yaml'), JSON.stringify({ exemptions: [entry] }));
  assert.equal(await command(answering), '0 Nothing is known of what is pinned here.');
  assert.match(
    await command('http://127.0.0.1:9'),
    /^2 Cannot reach the advisory database of npm: .*ECONNREFUSED/,
  );
  await writeFile(path.join(root, 'policies/advisories.yaml'), 'exemptions:\n  - id: CVE-2026-1\n');
  await assert.rejects(readAccepted(root), CannotRun);
  assert.match(await command(answering, '--json'), /^2 \S+advisories.yaml:2: /);
});

test("this repository's own file is as it should be", async () => {
  assert.ok(Array.isArray(await readAccepted(repoRoot)));
});

import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { secretFindings } from './findings.ts';
import { secretsIn } from './scanner.ts';

// Everything secret is made here: written down it would be found in this file.
const letters = (length: number) => randomBytes(length).toString('hex').slice(0, length);
const mixed = (length: number) =>
  `aZ9${randomBytes(length).toString('base64url').replaceAll(/[-_]/g, 'x')}`.slice(0, length);
const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

const found: [what: string, file: string, text: string][] = [
  ['a private key', 'id_rsa', privateKey],
  [
    'a private key in a kubeconfig',
    'config.yaml',
    `client-key-data: ${Buffer.from(privateKey).toString('base64')}`,
  ],
  ['an AWS secret access key', '.env', `AWS_SECRET_ACCESS_KEY=${mixed(40)}`],
  ['a GitHub token', 'a.ts', `const token = 'ghp_${letters(36)}';`],
  ['a GitLab token', 'a.yaml', `token: glpat-${mixed(20)}`],
  ['an npm token', '.npmrc', `//registry.example/:_authToken=npm_${letters(36)}`],
  ['a Slack token', 'a.md', `xox${'b'}-123456789012-1234567890123-${mixed(24)}`],
  ['a Stripe key', 'a.ts', `stripe('sk_live_${mixed(24)}')`],
  ['a JWT', 'a.ts', `${base64url({ alg: 'HS256' })}.${base64url({ sub: 'somebody' })}.${mixed(43)}`],
  ['a password in a URL', 'a.yaml', `url: redis://cache:${mixed(12)}@cache.example:6379/0`],
  ['a database password in a URL', 'a.ts', `'postgres://quotes:${mixed(12)}@db.example/quotes'`],
  ['a password in YAML', 'a.yaml', `stringData:\n  password: ${mixed(24)}`],
  ['a password in code', 'a.ts', `const options = { dbPassword: '${mixed(24)}' };`],
  ['a key in JSON', 'a.json', `{"apiKey": "${mixed(32)}"}`],
  ['a key in hexadecimal', 'a.yaml', `client_secret: ${letters(32)}a1`],
];

for (const [what, file, text] of found) {
  test(`${what} is found, and what is said of it does not have it`, async () => {
    const secrets = await secretsIn(file, Buffer.from(`first line\n${text}\n`));
    assert.equal(secrets.length > 0, true);
    assert.ok(secrets.every(({ line }) => line >= 2));
    const value = text.split(/[\s'":=/@]+/).find((part) => part.length >= 12) ?? '';
    assert.ok(!JSON.stringify(secrets).includes(value), JSON.stringify(secrets));
  });
}

const passed: [what: string, text: string][] = [
  ['where a secret is', 'PASSWORD_FILE: /run/secrets/database/password'],
  ['a reference to one', `token: ${'$'}{{ secrets.DEPLOY_TOKEN_OF_2026 }}\npassword: '$(DATABASE_PASSWORD)'`],
  ['a placeholder in a URL', `postgres://web:letmein@store:5432/web https://user:${'$'}{TOKEN}@host/`],
  ['the digest of an image', `newTag: x@sha256:${letters(64)}`],
  ['the integrity of a package', `"integrity": "sha512-${mixed(86)}=="`],
  [
    'what a secret is called',
    'secretName: postgres-credentials-of-prod-2026\nTOKEN_HEADER=X-Authorization-Token-2',
  ],
  [
    'words and code',
    "password: 'a-password-in-the-log-71d0'\nconst token = readToken2FromFolder(path.join(here));",
  ],
  ['a public key', '-----BEGIN CERTIFICATE-----\nMIIB'],
];

for (const [what, text] of passed) {
  test(`${what} is let through`, async () => {
    assert.deepEqual(await secretsIn('a.yaml', Buffer.from(text)), []);
  });
}

test('a comment accepts nothing: exemptions say who, why and until when', async () => {
  const text = `token: ghp_${letters(36)} # secretlint-disable-line`;
  assert.equal((await secretsIn('a.yaml', Buffer.from(text))).length, 1);
});

type Repository = {
  root: string;
  write: (file: string, text: string) => Promise<void>;
  commit: (message: string) => Promise<string>;
};

async function repository(t: TestContext): Promise<Repository> {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-secrets-'));
  t.after(() => rm(root, { recursive: true }));
  const git = async (...args: string[]) =>
    (await execa('git', ['-C', root, '-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args])).stdout;
  await git('init', '--quiet');
  return {
    root,
    write: (file, text) => writeFile(path.join(root, file), text),
    commit: async (message) => {
      await git('add', '--all');
      await git('commit', '--quiet', `--message=${message}`);
      return git('rev-parse', 'HEAD');
    },
  };
}

/** Where what is, relative to the root. */
async function told({ root }: Repository, since?: string): Promise<string[]> {
  return (await secretFindings(root, since)).map(({ rule, file, line, message }) =>
    [rule, path.relative(root, file), line, message].join(' '),
  );
}

test('a secret is told of in its file, and once it is taken out by the commit that brought it', async (t) => {
  const one = await repository(t);
  await one.write('a.yaml', 'name: a\n');
  const first = await one.commit('first');
  await one.write('a.yaml', `name: a\ntoken: ghp_${letters(36)}\n`);
  assert.deepEqual(await told(one), ['secret-in-file a.yaml 2 GitHub Token in plain text'], 'not yet staged');
  const brought = await one.commit('brought');
  const inFile = ['secret-in-file a.yaml 2 GitHub Token in plain text'];
  assert.deepEqual(await told(one), inFile);
  await one.write('b.yaml', 'name: b\n');
  await one.commit('between');
  assert.deepEqual(await told(one), inFile);
  await one.write('a.yaml', 'name: a\n');
  const was = `secret-in-history a.yaml  GitHub Token was in line 2 as of ${brought.slice(0, 12)}, and is in every clone`;
  assert.deepEqual(await told(one), [was]);
  const out = await one.commit('out');
  assert.deepEqual(await told(one), [was]);
  assert.deepEqual(await told(one, first), [was], 'it came after that');
  assert.deepEqual(await told(one, out), [], 'it was there before that');
});

test('of a secret that was on a branch which was merged, and in several files, the history tells once', async (t) => {
  const one = await repository(t);
  const token = `ghp_${letters(36)}`;
  await one.write('a.yaml', `token: ${token}\n`);
  await one.write('b.yaml', `other: ${token}\n`);
  await one.commit('two files');
  await one.write('a.yaml', `more: 1\ntoken: ${token}\n`);
  await one.commit('moved');
  await one.write('a.yaml', 'more: 1\n');
  await one.write('b.yaml', 'more: 1\n');
  await one.commit('out');
  assert.equal((await told(one)).length, 1);
});

test('where there is no repository, the files alone are looked at', async (t) => {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-secrets-'));
  t.after(() => rm(root, { recursive: true }));
  await writeFile(path.join(root, '.env'), `PASSWORD=${mixed(24)}\n`);
  const found = await secretFindings(root);
  assert.deepEqual(
    found.map(({ rule, line }) => [rule, line]),
    [['secret-in-file', 1]],
  );
});

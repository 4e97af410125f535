import assert from 'node:assert/strict';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { day, exportKey, keyAlgorithm, newKeys, x509 } from '../../scripts/keys.ts';
import { parseConfig } from '../src/config.ts';
import { connectionOptions } from '../src/db/connection.ts';
import { readCredentials } from '../src/db/credentials.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment } from './quote-app.ts';

let postgres: TestPostgres;
let folder: string;

before(async () => {
  postgres = await startPostgres();
  folder = mkdtempSync(path.join(tmpdir(), 'quotes-tls-'));
});

after(async () => {
  await postgres.remove();
  rmSync(folder, { recursive: true });
});

/** The server shows a certificate for this name from now on, in `${name}.crt`, that only itself vouches for. */
async function showCertificate(name: string): Promise<void> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    notAfter: new Date(Date.now() + day),
    signingAlgorithm: keyAlgorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const [crt, key] = [path.join(folder, `${name}.crt`), path.join(folder, `${name}.key`)];
  writeFileSync(crt, certificate.toString('pem'));
  writeFileSync(key, await exportKey(keys.privateKey), { mode: 0o600 });
  if (process.getuid?.() === 0) {
    // Postgres runs as nobody then, and reads no key that others may read.
    for (const file of [folder, crt, key]) chownSync(file, 65534, 65534);
  }
  await postgres.query(`alter system set ssl_cert_file = '${crt}'`);
  await postgres.query(`alter system set ssl_key_file = '${key}'`);
  await postgres.query('alter system set ssl = on');
  await postgres.query('select pg_reload_conf()');
}

/** Whether a connection with this mode is encrypted. Rejects where none comes about. */
async function isEncrypted(mode: string, authority?: string): Promise<unknown> {
  const variables = {
    ...environment('a', postgres.port),
    PGSSLMODE: mode,
    PGSSLROOTCERT: authority && path.join(folder, `${authority}.crt`),
  };
  const { postgres: config } = parseConfig(variables, 'a');
  const client = new pg.Client(
    connectionOptions(config, readCredentials(config.credentials), 'localhost', 'a'),
  );
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
    return rows[0].ssl;
  } finally {
    await client.end();
  }
}

test('a connection is encrypted where PGSSLMODE asks for it, and not otherwise', async () => {
  await showCertificate('provider');
  assert.equal(await isEncrypted(''), false);
  assert.equal(await isEncrypted('require'), true);
});

test('verify-ca takes a certificate of the given authority under any name, and no other', async () => {
  await showCertificate('another');
  await showCertificate('provider');
  assert.equal(await isEncrypted('verify-ca', 'provider'), true);
  await assert.rejects(isEncrypted('verify-ca', 'another'), /self-signed certificate/);
  await assert.rejects(isEncrypted('verify-ca'), /self-signed certificate/);
});

test('verify-full asks for the name of the host besides', async () => {
  await showCertificate('provider');
  await assert.rejects(isEncrypted('verify-full', 'provider'), /does not match certificate's altnames/);
  await showCertificate('localhost');
  assert.equal(await isEncrypted('verify-full', 'localhost'), true);
});

test('a certificate that cannot be read is named', () => {
  const variables = { ...environment('a', 5432), PGSSLMODE: 'yes', PGSSLROOTCERT: '/nowhere' };
  assert.throws(
    () => parseConfig(variables, 'a'),
    /PGSSLMODE is "yes": expected one of disable.*PGSSLROOTCERT is "\/nowhere": expected a file that can be read \(ENOENT\)/s,
  );
});

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { parseConfig } from '../src/config.ts';
import { environment, runQuoteApp } from './quote-app.ts';

test('bad values in the environment are all named, and it ends with code 2', async () => {
  const { code, said } = await runQuoteApp({ PORT: 'http', LOG_LEVEL: 'loud', POD_NAME: 'a\nb' });
  assert.equal(code, 2);
  for (const name of ['PORT', 'LOG_LEVEL', 'POD_NAME', 'PGHOST', 'PGUSER', 'PGDATABASE']) {
    assert.match(said, new RegExp(`${name} is`));
  }
  assert.doesNotMatch(said, /\.ts:/);
});

test('what is not said takes its default, and an empty value counts as not said', () => {
  const config = parseConfig({ PGHOST: 'postgres', PGUSER: 'u', PGDATABASE: 'd', PORT: '' }, 'a-host');
  assert.deepEqual([config.port, config.metricsPort, config.pod], [3000, 9090, 'a-host']);
  assert.equal(config.postgres.readOnlyHost, undefined);
});

test('the host for reads is a name or an address without a port', () => {
  const parse = (host: string) => parseConfig({ ...environment('a', 5432), PGHOST_READ_ONLY: host }, 'a');
  for (const host of ['postgres-ro', 'postgres-ro.prod.svc.cluster.local', '10.0.0.7', 'fd00::7']) {
    assert.equal(parse(host).postgres.readOnlyHost, host);
  }
  for (const host of ['postgres-ro:5432', 'one,other', 'postgres://ro', 'a b']) {
    assert.throws(() => parse(host), /PGHOST_READ_ONLY is .*without a port/);
  }
});

test('a socket is taken over where LISTEN_PID means this process, and where there is one', () => {
  const parse = (pid: number, sockets: string) =>
    parseConfig({ ...environment('a', 5432), LISTEN_FDS: sockets, LISTEN_PID: String(pid) }, 'a').listenFd;
  assert.equal(parse(process.pid, '1'), 3);
  assert.equal(parse(process.ppid, '1'), undefined);
  assert.equal(parse(process.pid, '0'), undefined);
  assert.throws(() => parse(process.pid, 'two'), /LISTEN_FDS is "two": expected a whole number/);
});

test('values that contradict each other are refused', () => {
  const variables = { ...environment('a', 5432), PORT: '80', METRICS_PORT: '80', DRAIN_LINGER_MS: '10000' };
  assert.throws(() => parseConfig(variables, 'a'), /METRICS_PORT is 80.*DRAIN_LINGER_MS is 10000/s);
  for (const name of ['PG_CONNECT_TIMEOUT_MS', 'PG_STATEMENT_TIMEOUT_MS']) {
    const slow = { ...environment('a', 5432), [name]: '3500' };
    assert.throws(() => parseConfig(slow, 'a'), /PG_ANSWER_TIMEOUT_MS is 3500: expected more than/);
  }
  const hasty = { ...environment('a', 5432), CLIENT_TIMEOUT_MS: '3500' };
  assert.throws(() => parseConfig(hasty, 'a'), /CLIENT_TIMEOUT_MS is 3500: expected more than/);
});

test('a port that is taken ends it with code 1', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const address = taken.address();
  assert.ok(typeof address === 'object' && address !== null);
  const { code } = await runQuoteApp({ ...environment('a', 1), PORT: String(address.port) });
  taken.close();
  assert.equal(code, 1);
});

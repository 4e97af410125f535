import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { injections } from './injections.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment, post, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';
import { exchange } from './raw-http.ts';

let postgres: TestPostgres;
let app: QuoteApp;
let port: number;

before(async () => {
  postgres = await startPostgres();
  app = await startQuoteApp(environment('pod-a', postgres.port));
  await untilReady(app);
  port = Number(new URL(app.url).port);
});

after(async () => {
  app.kill('SIGKILL');
  await postgres.remove();
});

const rows = () => postgres.query('SELECT * FROM quotes ORDER BY id');
const json = { 'content-type': 'application/json' };

function send(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = json) {
  return fetch(`${app.url}/api/quotes`, { method: 'POST', headers, body });
}

test('SQL in a path, a query or a header is no id, no page and no order: 4xx, and no row is changed', async () => {
  const before = await rows();
  for (const [technique, sql] of Object.entries(injections)) {
    const text = encodeURIComponent(sql);
    const targets = [
      `/api/quotes/${text}`,
      `/api/quotes/1${text}`,
      `/api/quotes?page=${text}`,
      `/api/quotes?page=1${text}`,
      `/api/quotes?limit=${text}`,
      `/?after=${text}`,
    ];
    const answers = await Promise.all(targets.map((target) => fetch(`${app.url}${target}`)));
    for (const { url, status } of answers) {
      assert.ok(status === 400 || status === 404, `${technique}: ${url} was answered with ${status}`);
    }
    const header = [...sql].every((letter) => letter < '\x7f') ? sql : text;
    const answer = await fetch(`${app.url}/api/quotes/1?${text}`, { headers: { 'x-request-id': header } });
    assert.equal(answer.status, 200, technique);
  }
  assert.deepEqual(await rows(), before);
});

test('SQL in a quote is kept to the letter, and no other row is changed', async () => {
  const before = await rows();
  for (const [technique, sql] of Object.entries(injections)) {
    const answer = await post(app, { text: sql, author: sql });
    assert.equal(answer.status, 201, technique);
    const { id } = (await answer.json()) as { id: number };
    const read = await fetch(`${app.url}/api/quotes/${id}`);
    assert.deepEqual(await read.json(), { id, text: sql, author: sql });
  }
  const now = await rows();
  assert.deepEqual(now.slice(0, before.length), before);
  assert.equal(now.length, before.length + Object.keys(injections).length);
});

for (const body of [
  '{"text":"x","author":"y","__proto__":{"polluted":1}}',
  '{"__proto__":{"text":"x","author":"y"}}',
  '{"text":"x","author":"y","constructor":{"prototype":{"polluted":1}}}',
  '{"text":"x","author":{"__proto__":{"polluted":1}}}',
  '{"text":"x","author":"y","toString":1}',
  '["__proto__",{"polluted":1}]',
]) {
  test(`${body} is no quote`, async () => assert.equal((await send(body)).status, 400));
}

test('a key that is said twice counts as it was said last', async () => {
  const answer = await send('{"text":"x","text":"z","author":"y"}');
  const { text, author } = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual([text, author], ['z', 'y']);
});

test('keys of an object in a query have no effect', async () => {
  const plain = await (await fetch(`${app.url}/api/quotes?limit=1`)).json();
  for (const query of [
    '__proto__[limit]=2',
    '__proto__.page=2',
    'constructor[prototype][page]=2',
    'constructor.prototype.page=2',
    'toString=1&hasOwnProperty=1&__proto__=1',
    'limit[]=2',
  ]) {
    const answer = await fetch(`${app.url}/api/quotes?limit=1&${query}`);
    assert.deepEqual([answer.status, await answer.json()], [200, plain], query);
  }
  for (const query of ['page=1&page=2', 'limit=1&limit[__proto__]=2&limit=3']) {
    assert.equal((await fetch(`${app.url}/api/quotes?${query}`)).status, 400, query);
  }
});

const big = 'a'.repeat(10_000);
for (const [what, bytes, status] of [
  ['a header of 10,000 characters', `GET /version HTTP/1.1\r\nHost: x\r\nX: ${big}\r\n\r\n`, 431],
  ['a name of 10,000 characters', `GET /version HTTP/1.1\r\nHost: x\r\n${big}: x\r\n\r\n`, 431],
  ['5,000 headers', `GET /version HTTP/1.1\r\nHost: x\r\n${'X: y\r\n'.repeat(5000)}\r\n`, 431],
  ['headers without an end', `GET /version HTTP/1.1\r\nHost: x\r\n${'X: y\r\n'.repeat(200_000)}`, 431],
  ['a target of 10,000 characters', `GET /${big} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
  ['a method of 10,000 characters', `${big.toUpperCase()} / HTTP/1.1\r\nHost: x\r\n\r\n`, 400],
  ['a version of 10,000 digits', `GET / HTTP/1.${'1'.repeat(10_000)}\r\nHost: x\r\n\r\n`, 400],
] as const) {
  test(`${what} is answered with ${status}, and the connection closed`, async () => {
    const { statuses, closed } = await exchange({ port }, bytes, 5000);
    assert.deepEqual([statuses, closed], [[status], true]);
  });
}

const chunks = (count: number) => `${'400\r\n'}${'a'.repeat(1024)}\r\n`.repeat(count);
const posting =
  'POST /api/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n';
for (const [what, bytes] of [
  ['says that it is', `${posting}Content-Length: 9000000000000000\r\n\r\n`],
  ['is, and says nothing', `${posting}Transfer-Encoding: chunked\r\n\r\n${chunks(20)}0\r\n\r\n`],
] as const) {
  test(`a body larger than any quote that ${what} is answered with 413`, async () => {
    assert.deepEqual((await exchange({ port }, bytes, 5000)).statuses, [413]);
  });
}

const quoteOf = (text: string) => `{"text":${text},"author":"y"}`;
for (const [what, body] of [
  ['JSON of 8,000 levels', `${'['.repeat(8000)}${']'.repeat(8000)}`],
  ['objects of 2,000 levels', quoteOf(`${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`)],
  ['a number of 10,000 digits', quoteOf('9'.repeat(10_000))],
  ['a number beyond all', quoteOf('1e999999')],
  ['half of a surrogate pair', quoteOf('"\\ud800"')],
  ['an escaped NUL', quoteOf('"a\\u0000b"')],
  ['a NUL', quoteOf('"a\0b"')],
  ['a NUL behind it', `${quoteOf('"x"')}\0`],
  ['a byte order mark alone', '\ufeff'],
  ['no UTF-8', Buffer.from(quoteOf('"\xff\xfe"'), 'latin1')],
  ['an overlong slash', Buffer.from(quoteOf('"\xc0\xaf"'), 'latin1')],
  ['UTF-8 that stops', Buffer.from(quoteOf('"\xe2\x82"'), 'latin1')],
] as const) {
  test(`a quote with ${what} is answered with 400`, async () => {
    const before = await rows();
    const bytes = typeof body === 'string' ? body : Uint8Array.from(body);
    assert.equal((await send(bytes)).status, 400);
    assert.deepEqual(await rows(), before);
  });
}

for (const type of [
  '',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/xml',
  'application/json5',
  'application/jsonp',
  'text/json',
  'application/json, text/plain',
  'application/json; charset=utf-16',
  'application/json; charset=utf-7',
]) {
  test(`a body of the type "${type}" is answered with 415`, async () => {
    const body = new TextEncoder().encode(quoteOf('"x"'));
    assert.equal((await send(body, type === '' ? {} : { 'content-type': type })).status, 415);
  });
}

for (const [path, allow] of [
  ['/', 'GET, HEAD'],
  ['/api/quotes', 'GET, HEAD, POST'],
  ['/api/quotes/random', 'GET, HEAD'],
  ['/api/quotes/1', 'GET, HEAD'],
  ['/readyz', 'GET, HEAD'],
] as const) {
  test(`any other method on ${path} is answered with 405, and Allow says ${allow}`, async () => {
    const methods = ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'SEARCH', 'PURGE'];
    const ask = `${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    const answers = await Promise.all(methods.map((method) => exchange({ port }, `${method} ${ask}`, 5000)));
    for (const { statuses, text } of answers) {
      assert.deepEqual(statuses, [405]);
      assert.match(text, new RegExp(`^allow: ${allow}\r$`, 'im'));
    }
  });
}

test('targets that are no path of ours are answered with 4xx', async () => {
  for (const target of [
    '/../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/api//quotes',
    '*',
    '/%00',
    '/%c0%af',
    '//x/api/quotes',
  ]) {
    const request = `OPTIONS ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    const [status = 0] = (await exchange({ port }, request, 5000)).statuses;
    assert.ok(status >= 400 && status < 500, `${target}: ${status}`);
  }
});

test('none of it was an error of the service', () => {
  assert.equal(app.said(), '');
  assert.deepEqual(
    app.lines.filter(({ level }) => level === 'error' || level === 'fatal'),
    [],
  );
});

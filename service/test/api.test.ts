import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment, post, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';

interface Page {
  items: { id: number; text: string; author: string }[];
  page: number;
  limit: number;
  total: number;
}

let postgres: TestPostgres;
let app: QuoteApp;
const ajv = new Ajv2020({ strict: false });

before(async () => {
  postgres = await startPostgres();
  // Two at once on an empty database: both migrate, one after the other.
  const pods = ['pod-a', 'pod-b'].map((pod) => startQuoteApp(environment(pod, postgres.port)));
  const [first, second] = await Promise.all(pods);
  assert.ok(first && second);
  await Promise.all([untilReady(first), untilReady(second)]);
  second.kill('SIGTERM');
  await second.exit;
  app = first;
  ajv.addSchema(await get('/openapi.json'), 'openapi');
});

after(async () => {
  app.kill('SIGKILL');
  await postgres.remove();
});

async function get<Body>(path: string): Promise<Body> {
  const answer = await fetch(`${app.url}${path}`);
  assert.equal(answer.status, 200);
  return (await answer.json()) as Body;
}

test('two instances that migrate at once leave one schema and at least 30 quotes', async () => {
  const answer = await fetch(`${app.url}/api/quotes?limit=5`);
  const page = (await answer.json()) as Page;
  assert.equal(page.items.length, 5);
  assert.ok(page.total >= 30);
  assert.equal(answer.headers.get('x-served-by'), 'pod-a');
});

test('the pages together hold every quote once, and a page beyond the last is empty', async () => {
  const seen: number[] = [];
  for (let page = 1; ; page += 1) {
    const { items, total, limit } = await get<Page>(`/api/quotes?page=${page}&limit=7`);
    assert.equal(limit, 7);
    if (items.length === 0) {
      assert.equal(page, Math.ceil(total / 7) + 1);
      assert.equal(seen.length, total);
      break;
    }
    seen.push(...items.map(({ id }) => id));
  }
  assert.equal(new Set(seen).size, seen.length);
});

test('the largest page and the largest id are answered, not refused', async () => {
  assert.deepEqual((await get<Page>('/api/quotes?page=1000000&limit=100')).items, []);
  assert.equal((await fetch(`${app.url}/api/quotes/2147483647`)).status, 404);
});

test('a posted quote is found where Location says', async () => {
  const answer = await post(app, { text: 'Less is <b>more</b>.', author: 'Ωmega “O” Tester 🜁' });
  assert.equal(answer.status, 201);
  const quote = await get<Page['items'][number]>(answer.headers.get('location') ?? '');
  assert.deepEqual([quote.text, quote.author], ['Less is <b>more</b>.', 'Ωmega “O” Tester 🜁']);
});

const json = { 'content-type': 'application/json' };
const aQuote = { text: 'x', author: 'y' };
const posting = (body: unknown, headers: Record<string, string> = json) => ({
  method: 'POST',
  body: typeof body === 'string' ? body : JSON.stringify(body),
  headers,
});

for (const [what, path, init, status] of [
  ['bad JSON', '/api/quotes', posting('{'), 400],
  ['JSON that is no object', '/api/quotes', posting('[]'), 400],
  ['no body', '/api/quotes', { method: 'POST', headers: json }, 400],
  ['a quote without an author', '/api/quotes', posting({ text: 'x' }), 400],
  ['a quote of blanks', '/api/quotes', posting({ ...aQuote, text: '  ' }), 400],
  ['a null byte, which Postgres cannot store', '/api/quotes', posting({ ...aQuote, text: 'a\0b' }), 400],
  ['a quote of 501 characters', '/api/quotes', posting({ ...aQuote, text: 'x'.repeat(501) }), 400],
  ['a field that no quote has', '/api/quotes', posting({ ...aQuote, id: 1 }), 400],
  ['a polluting field', '/api/quotes', posting('{"text":"x","author":"y","__proto__":{}}'), 400],
  ['an oversized body', '/api/quotes', posting({ text: 'x'.repeat(2e6) }), 413],
  ['another content type', '/api/quotes', posting('x', { 'content-type': 'text/plain' }), 415],
  ['a compressed body', '/api/quotes', posting('{}', { ...json, 'content-encoding': 'gzip' }), 415],
  ['an unknown id', '/api/quotes/999999', {}, 404],
  ['a malformed id', '/api/quotes/abc', {}, 400],
  ['the id 0', '/api/quotes/0', {}, 400],
  ['an id beyond what Postgres counts to', '/api/quotes/2147483648', {}, 400],
  ['a malformed escape', '/api/quotes/%E0%A4%A', {}, 400],
  ['a negative page', '/api/quotes?page=-1', {}, 400],
  ['page 0', '/api/quotes?page=0', {}, 400],
  ['a page too many', '/api/quotes?page=1000001', {}, 400],
  ['two pages at once', '/api/quotes?page=1&page=2', {}, 400],
  ['an empty page', '/api/quotes?limit=0', {}, 400],
  ['a page that is too long', '/api/quotes?limit=101', {}, 400],
  ['an unknown route', '/nowhere', {}, 404],
  ['a wrong method', '/api/quotes', { method: 'DELETE' }, 405],
] as const) {
  test(`${what} is answered with ${status} as application/problem+json, without a stack`, async () => {
    const answer = await fetch(`${app.url}${path}`, init);
    assert.equal(answer.status, status);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
    const text = await answer.text();
    assert.doesNotMatch(text, /node_modules|\.ts:/);
    const problem = JSON.parse(text) as Record<string, unknown>;
    assert.equal(problem.requestId, answer.headers.get('x-request-id'));
    assert.deepEqual(isAnswer('Problem', problem), []);
  });
}

test('every field that is wrong is named by its JSON pointer', async () => {
  const answer = await post(app, { text: '', author: 5 });
  const { errors } = (await answer.json()) as { errors: { pointer: string }[] };
  assert.deepEqual(new Set(errors.map(({ pointer }) => pointer)), new Set(['/text', '/author']));
});

/** What is wrong with a value, by the service's own /openapi.json. */
function isAnswer(schema: string, value: unknown): unknown[] {
  ajv.validate(`openapi#/components/schemas/${schema}`, value);
  return ajv.errors ?? [];
}

test('/openapi.json describes every route there is, and the answers are as it says', async () => {
  const { paths } = await get<{
    paths: Record<string, Record<string, { responses: Record<string, Documented> }>>;
  }>('/openapi.json');
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  assert.deepEqual(described.toSorted(), [
    'get /',
    'get /api/quotes',
    'get /api/quotes/random',
    'get /api/quotes/{id}',
    'get /livez',
    'get /openapi.json',
    'get /readyz',
    'get /version',
    'post /api/quotes',
  ]);
  for (const [path, { get: operation }] of Object.entries(paths)) {
    const answer = await fetch(`${app.url}${path.replace('{id}', '1')}`);
    const documented = operation?.responses[answer.status];
    const [type = ''] = (answer.headers.get('content-type') ?? '').split(';');
    const schema = documented?.content?.[type]?.schema;
    assert.ok(schema, `${path} answered ${answer.status} with ${type}, which /openapi.json does not say`);
    if (type !== 'application/json') continue;
    const validate = ajv.compile({ ...JSON.parse(JSON.stringify(schema).replace('"#/', '"openapi#/')) });
    validate(await answer.json());
    assert.deepEqual(validate.errors ?? [], [], path);
  }
});

interface Documented {
  content?: Record<string, { schema: object }>;
}

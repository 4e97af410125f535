import assert from 'node:assert/strict';
import { Agent, get } from 'node:http';
import { after, before, test } from 'node:test';
import { type Edge, startEdge } from './edge.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';
import { type Exchange, exchange } from './raw-http.ts';
import { smugglingShapes } from './smuggling-shapes.ts';

let postgres: TestPostgres;
let app: QuoteApp;
let edge: Edge;

before(async () => {
  postgres = await startPostgres();
  app = await startQuoteApp(environment('pod-a', postgres.port));
  await untilReady(app);
  edge = await startEdge(portOf(app));
});

after(async () => {
  await edge.end();
  app.kill('SIGKILL');
  await postgres.remove();
});

const portOf = ({ url }: QuoteApp) => Number(new URL(url).port);
const refusals: ReadonlySet<number | undefined> = new Set([400, 405]);

/** Sends every shape, each on a connection of its own. */
function sendAll(port: number): Promise<[shape: string, Exchange][]> {
  return Promise.all(
    Object.entries(smugglingShapes).map(async ([shape, bytes]): Promise<[string, Exchange]> => {
      return [shape, await exchange({ port }, bytes, 2000)];
    }),
  );
}

async function smuggledQuotes(): Promise<unknown> {
  const [row] = await postgres.query(
    `SELECT count(*)::integer AS quotes FROM quotes WHERE author = 'smuggled'`,
  );
  return row?.quotes;
}

test('what two readers may split differently is refused, closed, and nothing behind it is done', async () => {
  for (const [shape, { statuses, closed, text }] of await sendAll(portOf(app))) {
    assert.equal(statuses.length, 1, `${shape}: ${text}`);
    assert.ok(refusals.has(statuses[0]), `${shape}: ${statuses}`);
    assert.match(text, /^content-type: application\/problem\+json/im, shape);
    assert.ok(closed, `${shape}: the connection stays open`);
  }
  assert.equal(await smuggledQuotes(), 0);
});

test('through the edge nobody but the sender is answered, and nothing is done that the sender was not told', async () => {
  const before = await smuggledQuotes();
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const others = Array.from({ length: 40 }, (_, nth) => ask(edge.port, agent, `other-${nth}`));
  const exchanges = await sendAll(edge.port);
  for (const [nth, answered] of (await Promise.all(others)).entries()) {
    assert.deepEqual(answered, [200, `other-${nth}`]);
  }
  agent.destroy();
  const done = exchanges.flatMap(([, { statuses }]) => statuses.filter((status) => status === 201));
  assert.equal(await smuggledQuotes(), Number(before) + done.length);
  for (const [shape, { statuses, text }] of exchanges) {
    assert.ok(statuses.length > 0 && statuses.length <= 2, `${shape}: ${text}`);
    assert.ok(
      statuses.every((status) => status < 500),
      `${shape}: ${statuses}`,
    );
  }
});

/** Asks for /version under a request id; the status and the id that come back. */
function ask(port: number, agent: Agent, id: string): Promise<[status: number | undefined, id: unknown]> {
  const { promise, resolve, reject } = Promise.withResolvers<[number | undefined, unknown]>();
  const url = `http://127.0.0.1:${port}/version`;
  get(url, { agent, headers: { 'X-Request-Id': id } }, (answer) => {
    answer.resume().once('end', () => resolve([answer.statusCode, answer.headers['x-request-id']]));
  }).once('error', reject);
  return promise;
}

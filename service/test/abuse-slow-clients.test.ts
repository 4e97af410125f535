import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Edge, loadBalancer, startEdge } from './edge.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';
import { exchange, flood, residentMebibytes } from './raw-http.ts';

let postgres: TestPostgres;
let app: QuoteApp;
let edge: Edge;
let port: number;

before(async () => {
  postgres = await startPostgres();
  const deployment = readFileSync(
    path.join(import.meta.dirname, '../../base/quote-app/deployment.yaml'),
    'utf8',
  );
  const [heap = assert.fail()] = /--max-old-space-size=.*/.exec(deployment) ?? [];
  app = await startQuoteApp({
    ...environment('pod-a', postgres.port),
    NODE_OPTIONS: heap,
    CLIENT_TIMEOUT_MS: '4000',
  });
  await untilReady(app);
  port = Number(new URL(app.url).port);
  edge = await startEdge(port);
});

after(async () => {
  await edge.end();
  app.kill('SIGKILL');
  await postgres.remove();
});

const head = 'POST /api/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

/** Sends a little again and again for as long as the connection is there. */
function drip(bytes: string): (socket: Socket) => void {
  return (socket) => {
    const timer = setInterval(() => socket.write(bytes), 100);
    socket.once('close', () => clearInterval(timer));
  };
}

async function answers(url: string): Promise<void> {
  const answer = await fetch(`${url}/api/quotes/random`, { signal: AbortSignal.timeout(5000) });
  assert.equal(answer.status, 200);
  await answer.text();
}

describe('slow clients', { concurrency: true }, () => {
  test('a client that sends a byte at a time, of headers or of a body, is cut, and others are answered', async () => {
    const slow = Promise.all([
      exchange({ port }, 'GET /version HTTP/1.1\r\nHost: x\r\n', 15_000, drip('X-A: b\r\n')),
      exchange({ port }, `${head}Content-Length: 10000\r\n\r\n{`, 15_000, drip(' ')),
      exchange({ port }, `${head}Transfer-Encoding: chunked\r\n\r\n`, 15_000, drip('1\r\n \r\n')),
      // Larger than any quote, and no end of it.
      exchange(
        { port },
        `${head}Transfer-Encoding: chunked\r\n\r\n`,
        15_000,
        drip(`4000\r\n${'a'.repeat(0x4000)}\r\n`),
      ),
      // It says nothing at all.
      exchange({ port }, '', 15_000),
      // It was refused, and goes on talking.
      exchange({ port }, 'nonsense\r\n\r\n', 15_000, drip('x')),
      exchange({ port: edge.port }, 'GET /version HTTP/1.1\r\nHost: x\r\n', 15_000, drip('X-A: b\r\n')),
      exchange({ port: edge.port }, `${head}Content-Length: 10000\r\n\r\n{`, 15_000, drip(' ')),
    ]);
    for (let nth = 0; nth < 10; nth += 1) {
      await answers(app.url);
      await sleep(100);
    }
    for (const { statuses, closed } of await slow) {
      // What still talks when it is cut may miss what it was told.
      assert.ok(
        statuses.every((status) => status === 408 || status === 400),
        String(statuses),
      );
      assert.ok(closed);
    }
  });

  test('a connection that was idle for longer is used once more: the edges keep theirs', async () => {
    const ask = 'GET /version HTTP/1.1\r\nHost: x\r\n';
    const { statuses } = await exchange({ port }, `${ask}\r\n`, 15_000, (socket) => {
      setTimeout(() => socket.write(`${ask}Connection: close\r\n\r\n`), 5000);
    });
    assert.deepEqual(statuses, [200, 200]);
  });

  test('a client that reads none of its answers is cut, and others are answered', async () => {
    const ask = 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2000);
    const deaf = exchange({ port }, ask, 15_000, (socket) => socket.pause());
    const inFlight = async () => {
      const text = await (await fetch(`${app.metrics}/metrics`)).text();
      return Number(/^http_requests_in_flight (\d+)$/m.exec(text)?.[1]);
    };
    for (let attempt = 0; (await inFlight()) === 0; attempt += 1) {
      assert.ok(attempt < 100, 'the client that does not read was never waited for');
      await sleep(20);
    }
    await answers(app.url);
    for (let attempt = 0; (await inFlight()) > 0; attempt += 1) {
      assert.ok(attempt < 200, 'the client that does not read is still waited for');
      await sleep(50);
    }
    void deaf;
  });
});

test('10,000 connections that send all but the end of a request leave a pod within its memory, and answering', async () => {
  const headers = `${head}X: ${'a'.repeat(6000)}`;
  const body = `${head}Content-Length: 10000\r\n\r\n${'a'.repeat(9999)}`;
  const held = await flood({ port }, 10_000, ['', headers, headers, headers, body]);
  try {
    await answers(app.url);
    await answers(`http://127.0.0.1:${edge.port}`);
    // The limit in base/quote-app/deployment.yaml.
    assert.ok(residentMebibytes(app.pid) < 256, `${residentMebibytes(app.pid)} MiB`);
    assert.ok(held.came() > 9000, `${held.came()} connections came about`);
  } finally {
    held.end();
  }
  await answers(app.url);
  assert.equal(app.said(), '');
});

test('twice the connections that the edge takes, all by way of its load balancer, leave it within its memory and well', async () => {
  const held = await flood({ port: edge.port, from: loadBalancer }, 4000, [`${head}X: ${'a'.repeat(9000)}`]);
  try {
    const livez = await fetch(`http://127.0.0.1:${edge.probesPort}/livez`, {
      signal: AbortSignal.timeout(2000),
    });
    assert.equal(livez.status, 200);
    // The limit in base/edge/deployment.yaml.
    assert.ok(residentMebibytes(edge.pid) < 96, `${residentMebibytes(edge.pid)} MiB`);
  } finally {
    held.end();
  }
  await answers(`http://127.0.0.1:${edge.port}`);
});

test('a client that holds as many connections as it may gets no other, and other clients do', async () => {
  const held = await flood({ port: edge.port, from: '127.0.0.66' }, 300, ['']);
  try {
    const [flooding, other] = await Promise.all(
      ['127.0.0.66', '127.0.0.67'].map((from) =>
        exchange(
          { port: edge.port, from },
          'GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
          5000,
        ),
      ),
    );
    assert.deepEqual(flooding?.statuses, []);
    assert.deepEqual(other?.statuses, [200]);
  } finally {
    held.end();
  }
});

import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isServed, startLoad } from './load.ts';

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
}

test('every request is counted once, with who answered, on kept and on fresh connections alike', async (t) => {
  let served = 0;
  const url = await serve(t, (_, answer) => {
    served += 1;
    answer.setHeader('x-served-by', `pod-${served % 2}`).end('{}');
  });
  const load = startLoad(url, 100);
  await sleep(500);
  await load.stop();
  assert.equal(load.answers.length, served);
  assert.ok(served >= 20 && served <= 60, `${served} requests in half a second`);
  assert.ok(load.answers.every(isServed));
  assert.deepEqual(new Set(load.answers.map(({ pod }) => pod)), new Set(['pod-0', 'pod-1']));
  const fresh = load.answers.filter(({ connection }) => connection === 'fresh').length;
  assert.ok(Math.abs(fresh - served / 2) <= 1);
});

test('an answer other than 200, a cut connection and a closed port are failures with their reason', async (t) => {
  let nth = 0;
  const url = await serve(t, (request, answer) => {
    nth += 1;
    if (nth % 2 === 0) {
      request.socket.destroy();
    } else {
      answer.writeHead(503).end();
    }
  });
  const load = startLoad(url, 50);
  await sleep(200);
  await load.stop();
  assert.ok(load.answers.length > 2);
  assert.ok(!load.answers.some(isServed));
  assert.deepEqual(
    new Set(load.answers.map(({ status, error }) => status || error)),
    new Set([503, 'ECONNRESET']),
  );
  const nobody = startLoad('http://127.0.0.1:1/', 50);
  await sleep(50);
  await nobody.stop();
  assert.equal(nobody.answers[0]?.error, 'ECONNREFUSED');
});

test('an https address is asked over TLS: what answers in plain text has failed', async (t) => {
  const url = await serve(t, (_, answer) => answer.end());
  const load = startLoad(url.replace('http:', 'https:'), 20);
  await sleep(100);
  await load.stop();
  assert.ok(load.answers.length > 0);
  assert.ok(load.answers.every(({ status, error }) => status === 0 && /SSL|EPROTO/.test(error)));
});

test('a slow answer holds up no other request', async (t) => {
  let together = 0;
  let most = 0;
  const url = await serve(t, (_, answer) => {
    together += 1;
    most = Math.max(most, together);
    setTimeout(() => {
      together -= 1;
      answer.end();
    }, 1000);
  });
  const load = startLoad(url, 40);
  await sleep(800);
  await load.stop();
  assert.ok(load.answers.length >= 24, `${load.answers.length} requests`);
  // Half of them on kept connections, of which none is free.
  assert.equal(most, load.answers.length);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { parseConfig } from '../src/config.ts';
import { openDoor } from '../src/http/door.ts';
import { environment } from './quote-app.ts';

const config = parseConfig({ ...environment('pod-a', 1), PGPASSWORD: 'p' }, 'pod-a');
const log = pino({ level: 'silent' });

test('what is asked before there is an app waits for it and is answered by it', async () => {
  const door = await openDoor(config, log);
  const early = fetch(`http://127.0.0.1:${door.port}/livez`);
  assert.equal(await Promise.race([early, sleep(100, 'waits')]), 'waits');
  door.answerWith((request, response) => void response.end(`app: ${request.url}`));
  assert.equal(await (await early).text(), 'app: /livez');
  assert.equal(await (await fetch(`http://127.0.0.1:${door.port}/later`)).text(), 'app: /later');
  assert.equal(await door.drain({ lingerMs: 0, timeoutMs: 1000 }), 0);
});

test('what is asked by a client that leaves before there is an app is not done', async () => {
  const door = await openDoor(config, log);
  const url = `http://127.0.0.1:${door.port}`;
  const left = fetch(`${url}/left`, { method: 'POST', signal: AbortSignal.timeout(100) });
  await assert.rejects(left);
  const stays = fetch(`${url}/stays`, { method: 'POST', body: 'a body' });
  await sleep(100);
  const asked: string[] = [];
  door.answerWith(async (request, response) => {
    asked.push(`${request.url}: ${(await request.toArray()).join('')}`);
    response.end();
  });
  assert.equal((await stays).status, 200);
  assert.deepEqual(asked, ['/stays: a body']);
  assert.equal(await door.drain({ lingerMs: 0, timeoutMs: 1000 }), 0);
});

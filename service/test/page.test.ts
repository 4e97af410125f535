import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import manifest from '../package.json' with { type: 'json' };
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment, post, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';

let postgres: TestPostgres;
let app: QuoteApp;

before(async () => {
  postgres = await startPostgres();
  app = await startQuoteApp(environment('pod-a', postgres.port));
  await untilReady(app);
});

after(async () => {
  app.kill('SIGKILL');
  await postgres.remove();
});

test('the page shows a quote, its author, the pod, the environment and the version', async () => {
  const { id } = (await (await post(app, { text: 'Shown.', author: 'An Author' })).json()) as { id: number };
  const text = await (await fetch(`${app.url}/?after=${id - 1}`)).text();
  for (const part of ['Shown.', 'An Author', 'pod-a', 'test', manifest.version]) {
    assert.ok(text.includes(part), part);
  }
});

test('markup in a quote reaches the page as text', async () => {
  const hostile = { text: `<script>alert("1")</script> & '`, author: '</figcaption><img src=x onerror=y>' };
  const { id } = (await (await post(app, hostile)).json()) as { id: number };
  const text = await (await fetch(`${app.url}/?after=${id - 1}`)).text();
  assert.ok(text.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;'));
  assert.doesNotMatch(text, /<script|<img/);
});

test('the page allows itself one style sheet and no other origin, script, frame or form', async () => {
  const answer = await fetch(app.url);
  const policy = answer.headers.get('content-security-policy') ?? '';
  assert.match(policy, /^default-src 'none'; style-src 'sha256-[\w+/=]+';/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  assert.doesNotMatch(await answer.text(), /(?:src|href)="(?:https?:)?\/\//);
});

test('an id that is none is answered with 400', async () => {
  assert.equal((await fetch(`${app.url}/?after=x`)).status, 400);
});

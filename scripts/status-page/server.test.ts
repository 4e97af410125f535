import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Gauge, Registry } from 'prom-client';
import { exampleState } from './example-state.ts';
import { createApp } from './server.ts';
import type { PageState } from './state.ts';

/** A page of a state that the test sets. */
function serve(drills = '/nowhere') {
  const registry = new Registry();
  const registers = [registry];
  const metrics = {
    registry,
    requests: new Counter({
      name: 'requests',
      help: '-',
      labelNames: ['route', 'status'] as const,
      registers,
    }),
    clients: new Gauge({ name: 'clients', help: '-', registers }),
  };
  let state: PageState = exampleState();
  const looks = { asked: 0, lookUp: async () => {} };
  const listeners = new Set<() => void>();
  const source = {
    ready: true,
    version: 0,
    state: () => state,
    look: async () => {
      looks.asked += 1;
      await looks.lookUp();
    },
    onChange: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const app = createApp(source, metrics, { drills, hosts: ['127.0.0.1'] });
  const get = (route: string, host = '127.0.0.1') => app.request(`http://${host}${route}`);
  const become = (next: PageState) => {
    state = next;
    source.version += 1;
    for (const listener of listeners) {
      listener();
    }
  };
  return { app, get, become, listeners, looks, metrics };
}

test('the page loads nothing from elsewhere, runs no script of its own markup, and is framed by nobody', async () => {
  const { get } = serve();
  const answer = await get('/');
  const policy = answer.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  const text = await answer.text();
  const loaded = [...text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, url = '']) => url);
  assert.deepEqual(
    loaded.filter((url) => !url.startsWith('/')),
    [],
  );
  assert.doesNotMatch(text, /<script(?! type="module" src)|\son\w+=|style=/);
  for (const file of loaded.filter((url) => url !== '/metrics')) {
    assert.equal((await get(file)).status, 200, file);
  }
});

test('it is only read: every method but GET and HEAD is refused', async () => {
  const { app } = serve();
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    assert.equal((await app.request('http://127.0.0.1/', { method })).status, 404, method);
  }
  assert.equal((await app.request('http://127.0.0.1/', { method: 'HEAD' })).status, 200);
});

test("a name that only resolves to here is refused, so that no other page's script reads the cluster", async () => {
  const { get } = serve();
  for (const route of ['/', '/state.json', '/events', '/drills/x.svg', '/metrics']) {
    const answer = await get(route, 'rebound.example');
    assert.equal(answer.status, 421, route);
    assert.match(await answer.text(), /--host rebound.example/);
  }
  // Kubelet and Prometheus ask for the pod's address.
  assert.equal((await get('/healthz', '10.244.1.7')).status, 200);
  assert.equal((await get('/metrics', '10.244.1.7')).status, 200);
});

test("a drill's timeline is served, and no other file", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-timelines-'));
  try {
    const name = 'pod-kill-2026-11-25T10-00-00-000Z.svg';
    await writeFile(path.join(folder, name), '<svg/>');
    await writeFile(path.join(folder, 'secret.txt'), 'secret');
    const { get } = serve(folder);
    const answer = await get(`/drills/${name}`);
    assert.equal(await answer.text(), '<svg/>');
    assert.match(answer.headers.get('content-type') ?? '', /svg/);
    for (const other of ['secret.txt', '..%2f..%2fetc%2fpasswd', '%2e%2e/secret.txt', `${name}%00`]) {
      assert.equal((await get(`/drills/${other}`)).status, 404, other);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('who asks waits for what is looked up', async () => {
  const { get, become, looks } = serve();
  looks.lookUp = async () => {
    await sleep(20);
    become({ ...exampleState(), cluster: 'looked up' });
  };
  assert.equal(((await (await get('/state.json')).json()) as PageState).cluster, 'looked up');
});

test('who follows is sent every part once, and then those that changed', async () => {
  const { get, become, listeners, looks, metrics } = serve();
  const answer = await get('/events');
  // A browser that comes back after a pause asks for nothing else.
  assert.equal(looks.asked, 1);
  assert.match(answer.headers.get('content-type') ?? '', /text\/event-stream/);
  assert.ok(answer.body);
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const ids = () => [...text.matchAll(/^data: \{"id":"(\w+)"/gm)].map(([, id]) => id);
  const until = async (count: number) => {
    while (ids().length < count) {
      const { value, done } = await reader.read();
      assert.equal(done, false);
      text += decoder.decode(value, { stream: true });
    }
  };
  await until(6);
  assert.deepEqual(ids(), ['summary', 'dev', 'staging', 'prod', 'audit', 'drills']);
  assert.equal((await metrics.clients.get()).values[0]?.value, 1);
  become(exampleState(({ environment }) => (environment === 'prod' ? { health: 'Progressing' } : {})));
  await until(8);
  assert.deepEqual(ids().slice(6), ['summary', 'prod']);
  await reader.cancel();
  // It notices at its next write, or at once.
  become(exampleState());
  for (let round = 0; listeners.size > 0 && round < 100; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(listeners.size, 0);
});

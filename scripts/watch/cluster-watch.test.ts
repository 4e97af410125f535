import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import type { JsonMap } from '../check/model.ts';
import { ApiError } from './api.ts';
import { ClusterWatch, type Sight } from './cluster-watch.ts';

const resource = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };

function configMap(name: string, version: string): JsonMap {
  return { metadata: { namespace: 'dev', name, resourceVersion: version } };
}

/**
 * Speaks the list and watch protocol of an API server, as far as its failures cannot be had from a real one when a test
 * wants them; the end-to-end test follows a real one.
 */
async function fakeApi() {
  const watches: { from: string; answer: ServerResponse }[] = [];
  const served = { items: [] as JsonMap[], version: '1', forbidden: false };
  const server = createServer((_request, answer) => {
    const { searchParams } = new URL(_request.url ?? '', 'http://fake');
    answer.setHeader('content-type', 'application/json');
    answer.flushHeaders();
    watches.push({ from: searchParams.get('resourceVersion') ?? '', answer });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'fake', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: 'nobody' },
  );
  // The page after the first has its own request, as an API server asks for by `continue`.
  const json = async <T>(asked: string): Promise<T> => {
    if (served.forbidden) {
      throw new ApiError('forbidden', 403);
    }
    const isSecond = new URLSearchParams(asked.split('?')[1]).get('continue') === 'more';
    const half = Math.ceil(served.items.length / 2);
    const items = isSecond ? served.items.slice(half) : served.items.slice(0, half);
    return { items, metadata: { resourceVersion: served.version, continue: isSecond ? '' : 'more' } } as T;
  };
  const api = { config, json, text: async () => '' };
  const send = (type: string, object: JsonMap) => {
    watches.at(-1)?.answer.write(`${JSON.stringify({ type, object })}\n`);
  };
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { api, served, watches, send, close };
}

async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; !holds(); round += 1) {
    assert.ok(round < 1000, 'it never came to that');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('objects are listed page by page and then followed; a watch that ends goes on where it was', async () => {
  const { api, served, watches, send, close } = await fakeApi();
  served.items = [configMap('a', '1'), configMap('b', '1'), configMap('c', '1')];
  const sights: Sight[] = [];
  const watch = new ClusterWatch(
    api,
    (sight) => sights.push(sight),
    () => {},
  );
  await watch.add(resource);
  assert.equal(watch.size, 3);
  assert.deepEqual(watch.problems(), []);
  assert.equal(sights[0]?.object.kind, 'ConfigMap');
  await until(() => watches.length === 1);
  send('ADDED', configMap('d', '5'));
  send('DELETED', configMap('a', '6'));
  send('BOOKMARK', { metadata: { resourceVersion: '9' } });
  await until(() => watch.size === 3 && sights.some(({ gone }) => gone));
  watches[0]?.answer.end();
  await until(() => watches.length === 2);
  assert.equal(watches[1]?.from, '9');
  watch.stop();
  close();
});

test('a version that is too old has all listed again, and what went meanwhile is told as gone', async () => {
  const { api, served, watches, send, close } = await fakeApi();
  served.items = [configMap('a', '1'), configMap('b', '1')];
  const gone: Sight[] = [];
  const watch = new ClusterWatch(
    api,
    (sight) => sight.gone && gone.push(sight),
    () => {},
  );
  await watch.add(resource);
  await until(() => watches.length === 1);
  served.items = [configMap('b', '20')];
  served.version = '20';
  send('ERROR', { code: 410, message: 'too old resource version' });
  await until(() => watches.length === 2);
  assert.equal(watches[1]?.from, '20');
  assert.equal(watch.size, 1);
  assert.deepEqual(
    gone.map(({ object }) => object.metadata),
    [configMap('a', '1').metadata],
  );
  watch.stop();
  close();
});

test('what may not be read is a problem in words, and none any more once it may', async () => {
  const { api, served, close } = await fakeApi();
  served.forbidden = true;
  const watch = new ClusterWatch(
    api,
    () => {},
    () => {},
  );
  await watch.add(resource);
  assert.deepEqual(watch.problems(), ['configmaps: the page may not read them']);
  served.forbidden = false;
  await until(() => watch.problems().length === 0);
  watch.stop();
  close();
});

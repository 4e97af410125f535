import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { serveCommitStatuses } from '../cluster/git-server/commit-statuses.ts';
import type { StatusSource } from './commit-statuses.ts';
import { journeys } from './journey.ts';
import { scratchRepository } from './scratch-repository.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const pinned = (environment: string, letter: string, revision: string) => ({
  [`overlays/${environment}/kustomization.yaml`]: `images:\n  - name: quote-app\n    digest: ${digest(letter)}\n`,
  [`overlays/${environment}/release.yaml`]: `metadata:\n  annotations:\n    org.opencontainers.image.revision: "${revision}"\n`,
});

/** The calls of GitHub that the cluster's git server answers, for a repository. */
async function statusServer(t: TestContext, repository: string) {
  const state = await mkdtemp(path.join(tmpdir(), 'quotes-statuses-'));
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://git');
    serveCommitStatuses(state, repository, request, response, pathname).then((known) => {
      if (!known) {
        response.writeHead(404).end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.close();
    await rm(state, { recursive: true });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/repos/quotes/quotes`;
  const source: StatusSource = { url };
  const report = (commit: string, body: unknown) =>
    fetch(`${url}/statuses/${commit}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { source, report };
}

test('a version is followed from the service through the environments, with who, when and how it did', async (t) => {
  const repository = await scratchRepository(t, { 'service/a.ts': '1' });
  const { root, commit } = repository;
  const { source, report } = await statusServer(t, root);
  const service = await commit('faster quotes', { 'service/a.ts': '2' });
  const inDev = await commit('release', pinned('dev', 'a', service));
  await report(inDev, { state: 'pending', context: 'argocd/dev', description: 'Synced, Progressing' });
  await report(inDev, { state: 'success', context: 'argocd/dev', description: 'Synced, Healthy' });
  const inStaging = await commit('to staging', pinned('staging', 'a', service));
  // The push had one commit more: Argo CD reports the last one.
  const beside = await commit('something else', { 'README.md': 'x' });
  await report(beside, { state: 'success', context: 'argocd/staging', description: 'Synced, Healthy' });
  const inProd = await commit('to prod', pinned('prod', 'a', service));
  await report(inProd, { state: 'failure', context: 'argocd/prod', description: 'Synced, Degraded' });
  const [version, ...more] = await journeys(root, 'prod', source, 10);
  assert.deepEqual(more, []);
  assert.equal(version?.about, 'faster quotes');
  assert.equal(version.commit, inProd);
  assert.deepEqual(
    version.steps.map(({ what, by }) => [what, by]),
    [
      ['committed', 'Ada'],
      ['in dev', 'Ada'],
      ['Healthy in dev', undefined],
      ['in staging', 'Ada'],
      ['Healthy in staging', undefined],
      ['in prod', 'Ada'],
    ],
  );
  assert.equal(version.ran.last?.state, 'failure');
  assert.equal(version.leadTime, undefined);
  await report(inProd, { state: 'success', context: 'argocd/prod', description: 'Synced, Healthy' });
  const [healthy] = await journeys(root, 'prod', source, 10);
  assert.equal(healthy?.steps.at(-1)?.what, 'Healthy in prod');
  assert.ok((healthy?.leadTime ?? -1) >= -1);
  assert.ok(inStaging);
});

test('what is said of a commit after the next version was pinned is not said of the version before', async (t) => {
  const { root, commit } = await scratchRepository(t, { 'service/a.ts': '1' });
  const { source, report } = await statusServer(t, root);
  const first = await commit('one', pinned('prod', 'a', 'aaaaaaa'));
  const second = await commit('two', pinned('prod', 'b', 'bbbbbbb'));
  await report(first, { state: 'success', context: 'argocd/prod', description: '' });
  await report(second, { state: 'error', context: 'argocd/prod', description: 'the sync failed' });
  const [now, before] = await journeys(root, 'prod', source, 10);
  assert.equal(now?.ran.last?.state, 'error');
  assert.equal(before?.ran.last?.state, 'success');
  assert.equal(before?.until, now?.committed);
  // Of a revision that is no commit here nothing is told but its name.
  assert.equal(before?.about, undefined);
});

test('without reports the way is told from Git, and nothing of how a version did', async (t) => {
  const { root, commit } = await scratchRepository(t, { 'service/a.ts': '1' });
  await commit('one', pinned('dev', 'a', 'aaaaaaa'));
  const [version] = await journeys(root, 'dev', undefined, 10);
  assert.deepEqual(version?.ran, {});
  assert.deepEqual(
    version?.steps.map(({ what }) => what),
    ['in dev'],
  );
});

test('a report in another form than GitHub takes, or of a commit that is not there, is refused and not kept', async (t) => {
  const { root, commit } = await scratchRepository(t, { 'service/a.ts': '1' });
  const { source, report } = await statusServer(t, root);
  const head = await commit('one', pinned('prod', 'a', 'aaaaaaa'));
  assert.equal((await report(head, { state: 'fine' })).status, 422);
  assert.equal((await report(head, 'no JSON')).status, 422);
  assert.equal((await report(head, { state: 'success', context: 'x'.repeat(20_000) })).status, 422);
  assert.equal((await report(head, { state: 'success', context: 7 })).status, 422);
  assert.equal((await report('0'.repeat(40), { state: 'success' })).status, 422);
  assert.deepEqual(await (await fetch(`${source.url}/commits/${head}/statuses`)).json(), []);
});

import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { serveCommitStatuses } from '../cluster/git-server/commit-statuses.ts';
import { howItDid, type StatusSource } from './commit-statuses.ts';
import { journeys } from './journey.ts';
import { scratchRepository } from './scratch-repository.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const pinned = (environment: string, letter: string, revision: string) => ({
  [`overlays/${environment}/kustomization.yaml`]: `images:\n  - name: quote-app\n    digest: ${digest(letter)}\n`,
  [`overlays/${environment}/release.yaml`]: `metadata:\n  annotations:\n    org.opencontainers.image.revision: "${revision}"\n`,
});

/** The calls of GitHub that the cluster's git server answers, for a repository. */
async function statusServer(t: TestContext, repository: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-statuses-'));
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://git');
    serveCommitStatuses(folder, repository, request, response, pathname).then((known) => {
      if (!known) {
        response.writeHead(404).end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/repos/quotes/quotes`;
  const source: StatusSource = { url };
  /** A report as it is kept, so many minutes old. */
  const reported = (environment: string, commit: string, state: string, minutesAgo: number) =>
    appendFile(
      path.join(folder, 'commit-statuses.jsonl'),
      `${JSON.stringify({
        ...{ sha: commit, state, context: `argocd/${environment}`, description: state, target_url: null },
        created_at: new Date(Date.now() - minutesAgo * 60_000).toISOString(),
      })}\n`,
    );
  const report = (commit: string, body: unknown) =>
    fetch(`${url}/statuses/${commit}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { source, report, reported };
}

test('a version is followed from the service through the environments, with who, when and how it did', async (t) => {
  const { root, commit } = await scratchRepository(t, { 'service/a.ts': '1' });
  const { source, reported } = await statusServer(t, root);
  const service = await commit('faster quotes', { 'service/a.ts': '2' }, 60);
  const inDev = await commit('release', pinned('dev', 'a', service), 50);
  await reported('dev', inDev, 'success', 49.95);
  await reported('dev', inDev, 'pending', 49.9);
  await reported('dev', inDev, 'success', 49);
  await commit('to staging', pinned('staging', 'a', service), 40);
  // The push had one commit more: Argo CD reports the last one.
  const beside = await commit('something else', { 'README.md': 'x' }, 40);
  await reported('staging', beside, 'success', 39);
  const inProd = await commit('to prod', pinned('prod', 'a', service), 30);
  await reported('prod', inProd, 'failure', 29);
  const [version, ...more] = await journeys(root, 'prod', source, 10);
  assert.deepEqual(more, []);
  assert.equal(version?.about, 'faster quotes');
  assert.equal(version.commit, inProd);
  assert.deepEqual(
    version.steps.map(({ what, by, at }) => [what, by, Math.round((Date.now() - Date.parse(at)) / 60_000)]),
    [
      ['committed', 'Ada', 60],
      ['in dev', 'Ada', 50],
      ['Healthy in dev', undefined, 49],
      ['in staging', 'Ada', 40],
      ['Healthy in staging', undefined, 39],
      ['in prod', 'Ada', 30],
    ],
  );
  assert.equal(version.ran.last?.state, 'failure');
  assert.equal(version.leadTime, undefined);
  await reported('prod', inProd, 'success', 28);
  const [healthy] = await journeys(root, 'prod', source, 10);
  assert.equal(healthy?.steps.at(-1)?.what, 'Healthy in prod');
  assert.equal(Math.round((healthy?.leadTime ?? 0) / 60), 32);
});

test('what crashes again and again was not Healthy, whatever was said last; what once was not is, if it was most of the time', async (t) => {
  const { root, commit } = await scratchRepository(t, { 'service/a.ts': '1' });
  const { source, reported } = await statusServer(t, root);
  const crashing = await commit('crashing', pinned('prod', 'a', 'aaaaaaa'), 60);
  for (const minute of [59, 58, 57, 56]) {
    await reported('prod', crashing, 'success', minute);
    await reported('prod', crashing, 'failure', minute - 0.05);
  }
  await reported('prod', crashing, 'success', 50.05);
  const steady = await commit('steady', pinned('prod', 'b', 'bbbbbbb'), 50);
  await reported('prod', steady, 'success', 49);
  // As when a node went, just before the next version came.
  await reported('prod', steady, 'pending', 30.5);
  const now = await commit('now', pinned('prod', 'c', 'ccccccc'), 30);
  await reported('prod', now, 'success', 0.1);
  const found = await journeys(root, 'prod', source, 10);
  assert.deepEqual(
    found.map(({ digest: pinned, ran }) => [pinned[7], ran.healthy !== undefined, ran.last?.state]),
    [
      // For six seconds: nobody knows yet.
      ['c', false, 'success'],
      ['b', true, 'pending'],
      ['a', false, 'success'],
    ],
  );
});

test('what was not Healthy for long is not said to be, and what was is, with how it ended', () => {
  const since = '2026-11-25T10:00:00Z';
  const healthy = '2026-11-25T10:00:12Z';
  const last = (state: 'success' | 'failure') => ({ state, at: healthy, description: 'Synced, Degraded' });
  const said = (ran: Parameters<typeof howItDid>[0]) => howItDid(ran, since).said;
  assert.equal(said({}), '-');
  assert.equal(said({ last: last('success') }), 'Healthy, not for long');
  assert.equal(said({ healthy, last: last('success') }), 'Healthy after 12s');
  assert.equal(said({ last: last('failure') }), 'failure: Synced, Degraded');
  assert.equal(said({ healthy, last: last('failure') }), 'Healthy after 12s, then failure: Synced, Degraded');
});

test('what is said of a commit after the next version was pinned is not said of the version before', async (t) => {
  const { root, commit } = await scratchRepository(t, { 'service/a.ts': '1' });
  const { source, reported } = await statusServer(t, root);
  const first = await commit('one', pinned('prod', 'a', 'aaaaaaa'), 60);
  const second = await commit('two', pinned('prod', 'b', 'bbbbbbb'), 30);
  await reported('prod', first, 'success', 59);
  await reported('prod', second, 'error', 29);
  const [now, before] = await journeys(root, 'prod', source, 10);
  assert.equal(now?.ran.last?.state, 'error');
  assert.equal(before?.ran.last?.state, 'success');
  assert.notEqual(before?.ran.healthy, undefined);
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

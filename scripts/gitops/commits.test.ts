import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { serveCommitStatuses } from '../cluster/git-server/commit-statuses.ts';
import { scratchRepository } from '../release/scratch-repository.ts';
import { askForCommit, describeCommit } from './commits.ts';

test('a commit is the same from a repository and from a forge that has it, and unknown where it is not', async (t) => {
  const { root, git } = await scratchRepository(t, { 'a.txt': 'a' });
  await git('commit', '--quiet', '--allow-empty', '--message=two replicas\n\nas the load asks for it');
  const revision = await git('rev-parse', 'HEAD');
  const server = createServer((request, response) => {
    void serveCommitStatuses(root, root, request, response, request.url ?? '').then((served) => {
      assert.ok(served);
    });
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const forge = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/repos/quotes/quotes` };

  const found = await describeCommit(revision, ['/nowhere', root]);
  assert.equal(found?.subject, 'two replicas');
  assert.deepEqual(await askForCommit(revision, forge), found);
  const unknown = '0'.repeat(40);
  assert.equal(await describeCommit(unknown, [root]), undefined);
  assert.equal(await askForCommit(unknown, forge), undefined);
  assert.equal(await askForCommit(unknown, { url: 'http://127.0.0.1:1' }), undefined);
});

test('what a cluster calls a commit is no option and no path', async (t) => {
  const { root } = await scratchRepository(t, { 'a.txt': 'a' });
  const file = path.join(root, 'written');
  assert.equal(await describeCommit(`--output=${file}`, [root]), undefined);
  assert.equal(existsSync(file), false);
  assert.equal(await describeCommit('HEAD', [root]), undefined);
  assert.equal(await askForCommit('../../secrets', { url: 'http://127.0.0.1:1' }), undefined);
});

test('a forge that answers no JSON says nothing of a commit', async (t) => {
  const server = createServer((_request, response) => response.end('<html>')).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  assert.equal(await askForCommit('0'.repeat(40), { url }), undefined);
});

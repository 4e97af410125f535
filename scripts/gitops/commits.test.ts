import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

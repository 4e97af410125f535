import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { deployedCommit } from './deployed.ts';

test('the commit that is audited is the newest that Argo CD compared with and git knows', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-audit-'));
  t.after(() => rm(folder, { recursive: true }));
  const run = async (...args: string[]) =>
    (await execa('git', ['-C', folder, '-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args])).stdout;
  await run('init', '--quiet');
  const commits: string[] = [];
  for (const message of ['one', 'two']) {
    await run('commit', '--quiet', '--allow-empty', `--message=${message}`);
    commits.push(await run('rev-parse', 'HEAD'));
  }
  const [one = '', two = ''] = commits;
  const at = (revision: string) => ({ status: { sync: { revision } } });
  const unknown = '1'.repeat(40);
  const newest = (revisions: string[]) => deployedCommit(revisions.map(at), [tmpdir(), folder]);
  assert.deepEqual(await newest([one, two, one, unknown, '1.2.3']), { repository: folder, commit: two });
  assert.deepEqual(await newest([one, '']), { repository: folder, commit: one });
  await assert.rejects(
    newest([unknown]),
    /git knows none of the commits that Argo CD deploys \(1{10}\): "git fetch"/,
  );
  await assert.rejects(newest(['']), /Argo CD has compared no Application with a commit yet/);
});

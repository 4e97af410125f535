import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { workingClone } from './working-clone.ts';

test('what was pushed is put back by rewriting main, or by a commit more where history is not ours to rewrite', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-clone-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const bare = path.join(folder, 'bare.git');
  const seed = path.join(folder, 'seed');
  await execa('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare]);
  await execa('git', ['clone', '--quiet', bare, seed], { stderr: 'ignore' });
  await writeFile(path.join(seed, 'a.txt'), 'one\n');
  const git = async (...args: string[]) => (await execa('git', ['-C', seed, ...args])).stdout;
  await git('add', '--all');
  await git('-c', 'user.name=t', '-c', 'user.email=t@localhost', 'commit', '--quiet', '--message=first');
  await git('push', '--quiet', 'origin', 'HEAD:main');
  const first = await git('rev-parse', 'HEAD');
  const main = async () => (await execa('git', ['-C', bare, 'rev-parse', 'main'])).stdout;
  const tree = async (commit: string) =>
    (await execa('git', ['-C', bare, 'rev-parse', `${commit}^{tree}`])).stdout;

  const clone = await workingClone(bare, 'drill');
  t.after(() => clone.remove());
  await clone.edit('a.txt', 'one', 'two');
  await clone.push('second');
  assert.equal(await clone.putBack({ rewrite: true }), first);
  assert.equal(await main(), first);

  await clone.edit('a.txt', 'one', 'three');
  const third = await clone.push('third');
  const back = await clone.putBack({ rewrite: false });
  assert.equal(await main(), back);
  assert.notEqual(back, first);
  assert.equal(await tree(back), await tree(first));
  assert.equal((await execa('git', ['-C', bare, 'rev-parse', `${back}^`])).stdout, third);
  assert.equal(await clone.putBack({ rewrite: false }), back);

  const interrupted = await workingClone(bare, 'drill');
  await interrupted.edit('a.txt', 'one', 'four');
  await interrupted.push('fourth');
  await interrupted.remove();
  const after = await workingClone(bare, 'drill');
  t.after(() => after.remove());
  assert.equal(await after.putBack({ rewrite: true }), first);
  assert.equal(await main(), first);
});

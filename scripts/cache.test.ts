import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { moveIntoCache } from './cache.ts';

test('of two who make the same folder of the cache at once, the second leaves what the first made', async (t) => {
  const cache = await mkdtemp(path.join(tmpdir(), 'quotes-cache-'));
  t.after(() => rm(cache, { recursive: true }));
  const [folder, drafts] = [path.join(cache, 'images'), ['one', 'other']];
  for (const draft of drafts) {
    await mkdir(path.join(cache, draft));
    await writeFile(path.join(cache, draft, 'made-by'), draft);
  }
  for (const draft of drafts) {
    await moveIntoCache(path.join(cache, draft), folder);
  }
  assert.equal(await readFile(path.join(folder, 'made-by'), 'utf8'), 'one');
});

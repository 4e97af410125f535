import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startPostgres } from './postgres.ts';
import { environment, post, startQuoteApp, untilReady } from './quote-app.ts';

test('the bundle, which is what the image runs, migrates an empty database, serves, and drains', async () => {
  const service = path.join(import.meta.dirname, '..');
  const outdir = `dist-${process.pid}`;
  await promisify(execFile)(process.execPath, ['build.ts', outdir], { cwd: service });
  const postgres = await startPostgres();
  try {
    const app = await startQuoteApp(environment('pod-a', postgres.port), `${outdir}/main.js`);
    await untilReady(app);
    assert.equal((await post(app, { text: 'Bundled.', author: 'esbuild' })).status, 201);
    assert.equal((await fetch(`${app.url}/api/quotes/random`)).status, 200);
    assert.equal((await fetch(`${app.metrics}/metrics`)).status, 200);
    app.kill('SIGTERM');
    assert.equal(await app.exit, 0);
    assert.equal(app.said(), '');
  } finally {
    await rm(path.join(service, outdir), { recursive: true });
    await postgres.remove();
  }
});

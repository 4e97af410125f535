import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../../service/src/config.ts';
import { repoRoot } from '../../paths.ts';
import { valueAt } from '../model.ts';
import { parseOutput } from '../yaml/yaml-files.ts';

test("quote-app's declared drain is the one that the service takes by itself", async () => {
  const file = path.join(repoRoot, 'base/quote-app/deployment.yaml');
  const [deployment = null] = parseOutput(await readFile(file, 'utf8'));
  const { drainTimeoutMs } = parseConfig({ PGHOST: 'x', PGUSER: 'x', PGDATABASE: 'x' }, 'x');
  assert.equal(
    valueAt(deployment, ['metadata', 'annotations', 'quotes.check/drain-seconds']),
    String(drainTimeoutMs / 1000),
  );
});

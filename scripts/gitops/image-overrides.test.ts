import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { imageOverrides } from './image-overrides.ts';

test('an environment gives way to Git once it pins a digest that the registry holds', async (t) => {
  const repository = await mkdtemp(path.join(tmpdir(), 'quotes-overrides-'));
  t.after(() => rm(repository, { recursive: true }));
  const pin = (digest: string) => `images:\n  - name: quote-app\n    digest: ${digest}\n`;
  const files = {
    'overlays/dev/kustomization.yaml': 'images:\n  - name: quote-app\n    newTag: main\n',
    'overlays/staging/kustomization.yaml': pin('sha256:gone'),
    'overlays/prod/kustomization.yaml': pin('sha256:held'),
  };
  await execa('git', ['init', '--quiet', repository]);
  for (const [file, content] of Object.entries(files)) {
    await execa('mkdir', ['-p', path.dirname(path.join(repository, file))]);
    await execa('tee', [path.join(repository, file)], { input: content });
  }
  await execa('git', ['-C', repository, 'add', '.']);
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@localhost'];
  await execa('git', ['-C', repository, ...identity, 'commit', '--quiet', '--message=pins']);
  const checkout = { image: 'registry/quote-app', digest: 'sha256:built' };
  const holds = async ({ digest }: { digest: string }) => digest === 'sha256:held';
  const overrides = await imageOverrides(repository, 'HEAD', checkout, holds, undefined);
  const built = ['quote-app=registry/quote-app@sha256:built'];
  assert.deepEqual(overrides, { dev: built, staging: built });
  assert.deepEqual(
    await imageOverrides(repository, 'HEAD', checkout, holds, new Set(['staging', 'prod'])),
    { dev: built, staging: built },
    'what is in force stays until Git pins what the registry holds',
  );
  assert.deepEqual(
    await imageOverrides(repository, 'HEAD', checkout, holds, new Set()),
    { dev: built },
    'what has given way does not come back for a digest that is missing',
  );
  await execa('tee', [path.join(repository, 'overlays/prod/kustomization.yaml')], { input: 'images: [' });
  await execa('git', ['-C', repository, ...identity, 'commit', '--quiet', '--all', '--message=broken']);
  assert.deepEqual(
    await imageOverrides(repository, 'HEAD', checkout, holds, new Set()),
    { dev: built },
    'nor for a file that does not parse',
  );
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { ImageError } from '../images/buildah.ts';
import { goTools } from '../tools/go.ts';
import { registryConfig } from './registry.ts';

/** Serves the registry tree in `folder` on 127.0.0.1 for as long as `use` takes. */
export async function withRegistry(folder: string, use: (address: string) => Promise<void>): Promise<void> {
  const address = `127.0.0.1:${await freePort()}`;
  const configFolder = await mkdtemp(path.join(tmpdir(), 'quotes-registry-'));
  const config = path.join(configFolder, 'registry.yaml');
  await writeFile(config, registryConfig(folder, address));
  const program = path.join(await goTools('cluster'), 'registry');
  const registry = execa(program, ['serve', config], {
    stdin: 'ignore',
    env: { OTEL_TRACES_EXPORTER: 'none' },
    reject: false,
  });
  try {
    await answers(`http://${address}/v2/`);
    await use(address);
  } finally {
    registry.kill();
    await registry;
    await rm(configFolder, { recursive: true });
  }
}

async function answers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) {
      return;
    }
    await sleep(100);
  }
  throw new ImageError(`the registry at ${url} does not answer.`);
}

async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createServer().listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
  });
  return promise;
}

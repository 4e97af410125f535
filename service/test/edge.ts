import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './postgres.ts';

/** A real HAProxy before one quote-app, with the configuration of base/edge. */
export interface Edge {
  readonly port: number;
  readonly probesPort: number;
  readonly pid: number;
  /** What it logged until now. */
  said(): string;
  end(): Promise<void>;
}

/** The address that the edge of a test takes for its load balancer's. */
export const loadBalancer = '127.0.0.9';

/** Its configuration, in base/edge. */
export const configuration = path.join(import.meta.dirname, '../../base/edge/haproxy.cfg');

/**
 * Starts HAProxy and waits until it finds the service ready.
 * @param appPort where the service listens on 127.0.0.1
 * @param variables in place of those of base/edge/deployment.yaml
 */
export async function startEdge(appPort: number, variables: Record<string, string> = {}): Promise<Edge> {
  const [port, probesPort] = [await freePort(), await freePort()];
  const folder = mkdtempSync(path.join(tmpdir(), 'quotes-edge-'));
  const file = path.join(folder, 'haproxy.cfg');
  writeFileSync(file, onLoopback(readFileSync(configuration, 'utf8'), { port, probesPort, appPort }));
  const env = {
    NAMESPACE: 'test',
    LOAD_BALANCERS: loadBalancer,
    REQUESTS_IN_10_SECONDS: '6000',
    CONNECTIONS_OF_A_CLIENT: '200',
    ...variables,
  };
  const child = spawn('haproxy', ['-db', '-f', file], { env: { PATH: process.env.PATH, ...env } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  const exit = once(child, 'exit');
  await untilReady(child, probesPort, () => text);
  return {
    port,
    probesPort,
    pid: child.pid ?? assert.fail(),
    said: () => text,
    async end() {
      child.kill('SIGKILL');
      await exit;
      rmSync(folder, { recursive: true });
    },
  };
}

/** The configuration with addresses of this machine in place of the cluster's names; all else is as it is deployed. */
function onLoopback(text: string, ports: { port: number; probesPort: number; appPort: number }): string {
  const replaced: [RegExp, string][] = [
    [/bind :8080/, `bind 127.0.0.1:${ports.port}`],
    [/bind :8081/, `bind 127.0.0.1:${ports.probesPort}`],
    [/ resolvers cluster resolve-prefer ipv4 init-addr none/, ''],
    [/server-template pod 12 "[^"]+"/, `server-template pod 1 127.0.0.1:${ports.appPort}`],
    [/server service "[^"]+"/, `server service 127.0.0.1:${ports.appPort}`],
  ];
  return replaced.reduce((so, [what, by]) => {
    assert.match(so, what);
    return so.replace(what, by);
  }, text);
}

async function untilReady(child: ChildProcess, probesPort: number, said: () => string): Promise<void> {
  for (let attempt = 0; attempt < 100 && child.exitCode === null; attempt += 1) {
    const answer = await fetch(`http://127.0.0.1:${probesPort}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(50);
  }
  assert.fail(`HAProxy does not serve:\n${said()}`);
}

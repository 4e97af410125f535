import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** A quote-app in a process of its own, as in a pod. */
export interface QuoteApp {
  /** Of the public port, without a slash at the end. */
  readonly url: string;
  /** Of the metrics port. */
  readonly metrics: string;
  /** What it logged until now, a parsed line each. */
  readonly lines: readonly Record<string, unknown>[];
  /** What it wrote to stderr until now. */
  said(): string;
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves to the exit code once the process is gone; null after a signal it did not handle. */
  readonly exit: Promise<number | null>;
}

/** The environment of a quote-app on free ports of 127.0.0.1, whose Postgres is on this port. */
export function environment(pod: string, postgresPort: number): Record<string, string> {
  return {
    PORT: '0',
    METRICS_PORT: '0',
    LISTEN_HOST: '127.0.0.1',
    POD_NAME: pod,
    ENVIRONMENT: 'test',
    PGHOST: '127.0.0.1',
    PGPORT: String(postgresPort),
    PGUSER: 'quotes',
    PGDATABASE: 'postgres',
  };
}

/**
 * Starts a quote-app and waits until it listens; it need not be ready. A line that is no JSON fails it.
 * @param program what to run, relative to the service's folder
 */
export async function startQuoteApp(
  variables: Record<string, string>,
  program = 'src/main.ts',
): Promise<QuoteApp> {
  const { child, said } = run(variables, program);
  const exit = once(child, 'exit').then(([code]) => code as number | null);
  const lines: Record<string, unknown>[] = [];
  const pid = child.pid ?? assert.fail();
  const { promise, resolve, reject } = Promise.withResolvers<QuoteApp>();
  void exit.then(() => reject(new Error(`quote-app ended before it listened: ${said()}`)));
  createInterface({ input: child.stdout ?? assert.fail() }).on('line', (text) => {
    const line = JSON.parse(text) as Record<string, unknown>;
    lines.push(line);
    if (line.msg !== 'listening') return;
    const [url, metrics] = [`http://127.0.0.1:${line.port}`, `http://127.0.0.1:${line.metricsPort}`];
    resolve({ url, metrics, lines, said, pid, exit, kill: (signal) => void child.kill(signal) });
  });
  return promise;
}

/** Runs a quote-app that is expected to end by itself. */
export async function runQuoteApp(
  variables: Record<string, string>,
): Promise<{ code: unknown; said: string }> {
  const { child, said } = run(variables, 'src/main.ts');
  const [code] = await once(child, 'close');
  return { code, said: said() };
}

/** Waits, 20 seconds at most, until /readyz says yes. */
export async function untilReady({ url }: QuoteApp): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if ((await fetch(`${url}/readyz`)).ok) return;
    await sleep(100);
  }
  assert.fail('quote-app never became ready');
}

/** POSTs a body as JSON to /api/quotes; a string is sent as it is. */
export function post({ url }: QuoteApp, body: object | string): Promise<Response> {
  return fetch(`${url}/api/quotes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

function run(
  variables: Record<string, string>,
  program: string,
): { child: ChildProcess; said: () => string } {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, '..', program)], {
    env: { PATH: process.env.PATH, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stderr.on('data', (chunk) => {
    text += chunk;
  });
  return { child, said: () => text };
}

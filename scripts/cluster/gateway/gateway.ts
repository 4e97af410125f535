import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { entranceAddress } from '../entrance/entrance.ts';
import { addresses, type ClusterLayout } from '../layout.ts';
import {
  type Component,
  openLog,
  record,
  runningPid,
  spawnInNamespace,
  stopComponent,
} from '../processes.ts';

/** What the gateway is told: a socket that listens, and where its connections lead. */
export interface Handover {
  kind: 'listen';
  port: number;
  target: string;
}

/** The ways into the cluster. Each has a port it prefers; a port that is taken gives way to a free one. */
const entrances = {
  kubernetes: { port: 7443, target: addresses.apiServer },
  git: { port: 7418, target: addresses.gitServer },
  registry: { port: 7500, target: addresses.registry },
  argocd: { port: 7080, target: 'argocd-server.argocd.svc.cluster.local:443' },
  dev: { port: 7001, target: entranceAddress('dev') },
  staging: { port: 7002, target: entranceAddress('staging') },
  prod: { port: 7003, target: entranceAddress('prod') },
} as const;

/** The ports on 127.0.0.1 that lead into the cluster. */
export type Ports = Record<keyof typeof entrances, number>;

const portsFile = (layout: ClusterLayout) => path.join(layout.state, 'ports.json');

/** The ports the cluster was last given, or undefined before its first start. */
export async function readPorts(layout: ClusterLayout): Promise<Ports | undefined> {
  const file = portsFile(layout);
  return existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Ports) : undefined;
}

/** Starts the gateway where it does not run, keeping last time's ports where they are still free. */
export async function ensureGateway(layout: ClusterLayout): Promise<Ports> {
  const program = path.join(import.meta.dirname, 'program.ts');
  const component: Component = {
    name: 'gateway',
    owner: 'entrance',
    namespace: layout.controlPlaneNamespace,
    command: [process.execPath, program],
  };
  const last = await readPorts(layout);
  if (last !== undefined && (await runningPid(layout, component.name, component.command)) !== undefined) {
    return last;
  }
  await stopComponent(layout, component.name);
  const log = await openLog(layout, component.name);
  const child = spawnInNamespace(component, ['ignore', log.fd, log.fd, 'ipc']);
  await log.close();
  await record(layout, component, child.pid);
  const ports: Partial<Ports> = {};
  for (const name of Object.keys(entrances) as (keyof Ports)[]) {
    const { port: preferred, target } = entrances[name];
    const server = await listen(last?.[name] ?? preferred);
    const port = portOf(server);
    await handOver(child, { kind: 'listen', port, target }, server);
    ports[name] = port;
  }
  child.disconnect();
  child.unref();
  await writeFile(portsFile(layout), JSON.stringify(ports, null, 2));
  return ports as Ports;
}

function handOver(child: ChildProcess, message: Handover, server: Server): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once('exit', () => reject(new Error('the gateway ended while it was given its ports.')));
  child.once('message', () => {
    // Only now: closing our copy any earlier could reset a connection that came in between.
    server.close();
    child.removeAllListeners('exit');
    resolve();
  });
  child.send(message, server);
  return promise;
}

const portOf = (server: Server) => {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

/** A port of 127.0.0.1 that is free now: the preferred one, or the next of the hundred above it. */
export async function freePort(preferred: number): Promise<number> {
  const server = await listen(preferred);
  const port = portOf(server);
  server.close();
  return port;
}

/** Listens on the preferred port, or on the next free one of the hundred above it. */
async function listen(preferred: number): Promise<Server> {
  for (let port = preferred; port < preferred + 100; port += 1) {
    const { promise, resolve } = Promise.withResolvers<Server | undefined>();
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1' }, () => resolve(server));
    const listening = await promise;
    if (listening !== undefined) {
      return listening;
    }
  }
  throw new Error(`no free port from ${preferred} to ${preferred + 99} on 127.0.0.1: end what uses them.`);
}

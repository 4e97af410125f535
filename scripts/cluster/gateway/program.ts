// Runs in the control plane's namespace. It is handed sockets that listen on the machine's 127.0.0.1 (a socket
// stays in the namespace it was made in) and joins each connection to a target inside the cluster.
import { Resolver } from 'node:dns/promises';
import { connect, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { addresses } from '../layout.ts';
import type { Handover } from './gateway.ts';

const resolver = new Resolver({ timeout: 500, tries: 4 });
resolver.setServers([addresses.dnsService]);

process.on('message', (message: Handover, handle: unknown) => {
  if (message.kind === 'listen') {
    const server = handle as Server;
    server.on('connection', (client: Socket) => {
      join(client, message.target).catch((error: Error) => {
        log(`${message.target}: ${error.message}`);
        client.destroy();
      });
    });
    log(`${message.port} leads to ${message.target}`);
    process.send?.({ kind: 'listening', port: message.port });
  }
});

async function join(client: Socket, target: string): Promise<void> {
  client.on('error', () => client.destroy());
  const upstream = await reach(target);
  upstream.on('error', () => client.destroy());
  client.on('close', () => upstream.destroy());
  upstream.on('close', () => client.destroy());
  upstream.setNoDelay();
  client.setNoDelay();
  client.pipe(upstream).pipe(client);
}

/** Connects within ten seconds, again and again: each try may be led to another, living pod. */
async function reach(target: string): Promise<Socket> {
  const [host = '', port = ''] = target.split(':');
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      const address = /^[\d.]+$/.test(host) ? host : (await resolver.resolve4(host))[0];
      return await connected(address ?? host, Number(port));
    } catch (error) {
      if (Date.now() > deadline) {
        throw error;
      }
      await sleep(100);
    }
  }
}

function connected(host: string, port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(port, host);
  // A node that is lost answers nothing at all until kube-proxy learns of it.
  const timer = setTimeout(() => socket.destroy(new Error(`${host}:${port} does not answer`)), 1000);
  socket.once('connect', () => {
    clearTimeout(timer);
    resolve(socket);
  });
  socket.once('error', (error) => {
    clearTimeout(timer);
    reject(error);
  });
  return promise;
}

function log(text: string): void {
  process.stdout.write(`${new Date().toISOString()} ${text}\n`);
}

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** An address that leads to one server or another, as a Service does: a switch moves new connections alone. */
export interface TcpService {
  readonly host: string;
  readonly port: number;
  /** Leads new connections to this port of 127.0.0.1. */
  leadTo(port: number): Promise<void>;
  /** Refuses new connections, as with no pod behind it. */
  refuse(): Promise<void>;
  /** Resets the connections that stand. */
  cut(): void;
  /** A node is lost: those that stand go dead without a word, and so do new ones until it leads elsewhere. */
  freeze(): void;
  close(): Promise<void>;
}

/**
 * Listens on an address of its own.
 * @param host an address of the loopback network, 127.0.0.0/8
 * @param port 0 asks the kernel for a free one
 */
export async function startTcpService(host: string, port = 0): Promise<TcpService> {
  let target: number | undefined;
  const sockets = new Set<Socket>();
  const pairs = new Set<[Socket, Socket]>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    keep(client);
    if (target === undefined) return;
    const upstream = connect(target, '127.0.0.1');
    keep(upstream);
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    client.pipe(upstream).pipe(client);
    for (const [one, other] of [pair, pair.toReversed()] as [Socket, Socket][]) {
      one.once('close', () => {
        // Once frozen, a pair is no pair any more: neither hears of the other's end.
        if (pairs.delete(pair)) other.resetAndDestroy();
      });
    }
  });
  const listen = async (wanted: number) => {
    server.listen(wanted, host);
    await once(server, 'listening');
  };
  const refuse = async () => {
    if (!server.listening) return;
    // It is closed for new connections at once; the event would wait for those that stand.
    server.close();
  };
  await listen(port);
  const address = server.address();
  const service: TcpService = {
    host,
    port: typeof address === 'object' && address !== null ? address.port : port,
    async leadTo(wanted) {
      target = wanted;
      if (!server.listening) await listen(service.port);
    },
    refuse,
    cut() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    freeze() {
      target = undefined;
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream).pause();
        upstream.unpipe(client).pause();
      }
      pairs.clear();
    },
    async close() {
      service.cut();
      await refuse();
    },
  };
  return service;
}

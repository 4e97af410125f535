import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What came back for bytes that were sent. */
export interface Exchange {
  /** The status of each answer, in order. */
  readonly statuses: readonly number[];
  readonly text: string;
  /** Whether the server ended the connection. */
  readonly closed: boolean;
}

/** Where a connection leads, and from which address of the loopback network. */
export interface Way {
  readonly port: number;
  readonly from?: string;
}

/**
 * Sends bytes on a connection of their own and collects what comes back until the server closes it.
 * @param patienceMs when to stop waiting for that
 * @param pace called with the socket once it is connected, to send more
 */
export function exchange(
  { port, from }: Way,
  bytes: string,
  patienceMs: number,
  pace?: (socket: Socket) => void,
): Promise<Exchange> {
  const { promise, resolve } = Promise.withResolvers<Exchange>();
  const socket = connect({ port, host: '127.0.0.1', ...(from === undefined ? {} : { localAddress: from }) });
  let text = '';
  let closed = false;
  const timer = setTimeout(() => socket.destroy(), patienceMs);
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('end', () => {
    closed = true;
  });
  socket.on('error', () => {
    closed = true;
  });
  socket.on('close', () => {
    clearTimeout(timer);
    const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status));
    resolve({ statuses, text, closed });
  });
  socket.on('connect', () => {
    socket.write(Buffer.from(bytes, 'latin1'));
    pace?.(socket);
  });
  return promise;
}

/** Connections that ask for nothing whole. */
export interface Flood {
  /** How many came about, those that the server has ended since among them. */
  came(): number;
  end(): void;
}

/** Opens connections and sends one of `bytes` on each, in turn; resolves when each was tried. */
export async function flood({ port, from }: Way, count: number, bytes: readonly string[]): Promise<Flood> {
  const sockets: Socket[] = [];
  let came = 0;
  for (let nth = 0; nth < count; nth += 1) {
    const socket = connect({
      port,
      host: '127.0.0.1',
      ...(from === undefined ? {} : { localAddress: from }),
    });
    socket.once('connect', () => {
      came += 1;
      socket.write(bytes[nth % bytes.length] ?? '');
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      // The server ended it before its beginning was heard of.
      if (code === 'ECONNRESET' && socket.bytesWritten === 0) came += 1;
    });
    socket.resume();
    sockets.push(socket);
    // No faster than it can come about: what overflows the kernel's queue is tried again only after a second.
    for (let wait = 0; nth - came > 300 && wait < 50; wait += 1) await sleep(1);
  }
  return {
    came: () => came,
    end() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** What a process holds in memory, in MiB. */
export function residentMebibytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) / 1024;
}

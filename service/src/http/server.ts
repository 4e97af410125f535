import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { ListenOptions } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { boundConnections } from './connections.ts';

/** How long a client that was refused may take to read why, in milliseconds. */
const lastWordMs = 1000;

/**
 * The server for the public port: long keep-alive, and problem+json even where no request could be read.
 * @param clientTimeoutMs how long a client may take to send a whole request, and to take any of an answer
 */
export function createPublicServer(
  app: RequestListener,
  pod: string,
  clientTimeoutMs: number,
  log: Logger,
): Server {
  // Each may hold 40 KiB of headers and body. Above what the edges open: base/edge/haproxy.cfg.
  const server = createBoundedServer(app, 1000, clientTimeoutMs);
  // Longer than the 60 s proxies keep idle connections, or they send into one just being closed.
  server.keepAliveTimeout = 65_000;
  const refuse = (socket: Duplex, status: number, reason: string) => {
    const title = STATUS_CODES[status] ?? 'Bad Request';
    const requestId = randomUUID();
    const detail = 'the request is not readable HTTP';
    const body = JSON.stringify({ type: 'about:blank', title, status, detail, requestId });
    log.info({ requestId, status, reason }, detail);
    const head = [
      `HTTP/1.1 ${status} ${title}`,
      `X-Served-By: ${pod}`,
      `X-Request-Id: ${requestId}`,
      'Content-Type: application/problem+json',
      `Content-Length: ${body.length}`,
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
    // Ended is only our half: a client that never ends its own would keep the connection.
    destroyLater(socket);
  };
  const answers = new WeakMap<Duplex, ServerResponse>();
  server.prependListener('request', ({ socket }, response: ServerResponse) => {
    answers.set(socket, response);
    response.once('close', () => answers.delete(socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    // Two answers on one connection would be taken for those of two requests.
    else if (answers.get(socket)?.headersSent) destroyLater(socket);
    else refuse(socket, unreadableStatus[error.code ?? ''] ?? 400, error.message);
  });
  server.on('connect', (_request, socket: Duplex) => {
    socket.on('error', () => {});
    refuse(socket, 405, 'CONNECT: this is no proxy');
  });
  return server;
}

function destroyLater(socket: Duplex): void {
  setTimeout(() => socket.destroy(), lastWordMs).unref();
}

/** A server whose clients, however many, slow or wordy, take a bounded part of the pod's memory. */
function createBoundedServer(listener: RequestListener, most: number, clientTimeoutMs: number): Server {
  const options = {
    requestTimeout: clientTimeoutMs,
    headersTimeout: clientTimeoutMs,
    // How often Node looks whether one of these two is over; by itself every 30 s.
    connectionsCheckingInterval: Math.min(1000, clientTimeoutMs),
    maxHeaderSize: 8 * 1024,
    // Node's own refusal says nothing: ambiguous.ts refuses what has no Host.
    requireHostHeader: false,
  };
  const server = createServer(options, listener);
  // Of silence in both directions: no answer takes as long by itself.
  server.timeout = clientTimeoutMs;
  boundConnections(server, most);
  return server;
}

const unreadableStatus: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** The server for the metrics port: GET /metrics, and 404 for the rest. */
export function createMetricsServer(registry: Registry, clientTimeoutMs: number): Server {
  const listener: RequestListener = async (request, response) => {
    if (request.url !== '/metrics' || request.method !== 'GET') {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('only GET /metrics is here\n');
      return;
    }
    response.writeHead(200, { 'Content-Type': registry.contentType }).end(await registry.metrics());
  };
  return createBoundedServer(listener, 100, clientTimeoutMs);
}

/**
 * Binds a server, or takes a socket over that is bound.
 * @returns the port, which the kernel chose where 0 was asked for
 * @throws the system's error, as for a port in use
 */
export async function listen(server: Server, where: ListenOptions | { fd: number }): Promise<number> {
  server.listen(where);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

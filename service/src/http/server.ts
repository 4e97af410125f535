import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';

/** The server for the public port: long keep-alive, and problem+json even where no request could be read. */
export function createPublicServer(app: RequestListener, pod: string, log: Logger): Server {
  const server = createServer({ requestTimeout: 30_000 }, app);
  // Longer than the 60 s proxies keep idle connections, or they send into one just being closed.
  server.keepAliveTimeout = 65_000;
  server.headersTimeout = 20_000;
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const status = unreadableStatus[error.code ?? ''] ?? 400;
    const title = STATUS_CODES[status] ?? 'Bad Request';
    const requestId = randomUUID();
    const detail = 'the request is not readable HTTP';
    const body = JSON.stringify({ type: 'about:blank', title, status, detail, requestId });
    log.info({ requestId, status, reason: error.message }, detail);
    const head = [
      `HTTP/1.1 ${status} ${title}`,
      `X-Served-By: ${pod}`,
      `X-Request-Id: ${requestId}`,
      'Content-Type: application/problem+json',
      `Content-Length: ${body.length}`,
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
  return server;
}

const unreadableStatus: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** The server for the metrics port: GET /metrics, and 404 for the rest. */
export function createMetricsServer(registry: Registry): Server {
  return createServer(async (request, response) => {
    if (request.url !== '/metrics' || request.method !== 'GET') {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('only GET /metrics is here\n');
      return;
    }
    response.writeHead(200, { 'Content-Type': registry.contentType }).end(await registry.metrics());
  });
}

/**
 * Binds a server.
 * @returns the port, which the kernel chose where 0 was asked for
 * @throws the system's error, as for a port in use
 */
export async function listen(server: Server, port: number, host: string | undefined): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

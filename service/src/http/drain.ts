import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a server ends. Times are milliseconds from the call. */
export interface DrainTimes {
  /** Until then new requests are answered, on new and on idle connections alike. */
  readonly lingerMs: number;
  /** From then on whatever is still open is cut. */
  readonly timeoutMs: number;
}

/**
 * Watches a server so that it can be ended without losing a request.
 * @returns drain, which resolves to the number of requests that had to be cut
 */
export function drainable(server: Server): (times: DrainTimes) => Promise<number> {
  const unanswered = new Set<ServerResponse>();
  let draining = false;
  // Before the application's own listener, which may answer at once.
  server.prependListener('request', (_request, response: ServerResponse) => {
    if (draining) response.setHeader('Connection', 'close');
    unanswered.add(response);
    response.once('close', () => unanswered.delete(response));
  });

  return async ({ lingerMs, timeoutMs }) => {
    draining = true;
    for (const response of unanswered) {
      if (!response.headersSent) response.setHeader('Connection', 'close');
    }
    // server.close() closes idle connections at once, with whatever request is on its way on them.
    await sleep(lingerMs);
    let cut = 0;
    const closed = once(server, 'close');
    server.close();
    // An answer whose headers went out before draining leaves its connection open and idle.
    const idle = setInterval(() => server.closeIdleConnections(), 100);
    const deadline = setTimeout(() => {
      cut = unanswered.size;
      server.closeAllConnections();
    }, timeoutMs - lingerMs);
    await closed;
    clearInterval(idle);
    clearTimeout(deadline);
    return cut;
  };
}

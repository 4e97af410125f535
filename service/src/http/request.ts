import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics.ts';

declare global {
  namespace Express {
    interface Request {
      id: string;
      log: Logger;
      /** The path of the route that took the request, as in OpenAPI; absent where none did. */
      routeTemplate?: string;
    }
  }
}

const saneRequestId = /^[\w.:/+=-]{1,128}$/;
const probes: ReadonlySet<string | undefined> = new Set(['/livez', '/readyz']);

/** Gives every request an id, a logger and the headers all answers share; measures and logs it at its end. */
export function accompany(pod: string, log: Logger, metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    const started = process.hrtime.bigint();
    request.id = requestId(request);
    request.log = log.child({ requestId: request.id });
    metrics.inFlight.inc();
    response.set({
      'X-Served-By': pod,
      'X-Request-Id': request.id,
      // X-Served-By would be a lie in an answer that comes out of a cache.
      'Cache-Control': 'no-store',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    });
    // 'close' rather than 'finish': it also comes when the client went away.
    response.once('close', () => {
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      const route = request.routeTemplate ?? 'unmatched';
      const status = response.writableFinished ? String(response.statusCode) : 'aborted';
      metrics.inFlight.dec();
      metrics.duration.observe({ route, method: request.method, status }, seconds);
      request.log[probes.has(request.routeTemplate) ? 'debug' : 'info'](
        {
          method: request.method,
          path: request.originalUrl,
          route,
          status,
          durationMs: round(seconds * 1000),
        },
        'request',
      );
    });
    next();
  };
}

function requestId(request: Request): string {
  const given = request.get('X-Request-Id');
  return given !== undefined && saneRequestId.test(given) ? given : randomUUID();
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}

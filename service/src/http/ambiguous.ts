import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestHandler } from 'express';
import { Problem } from './problem.ts';

const host = /^([\w.-]*|\[[\da-f:.]+\])(:\d{1,5})?$/i;

/**
 * Refuses what Node reads and a proxy may read otherwise: where the request ends, or whom it is for. The connection is
 * closed, and nothing that came behind on it is done.
 */
export function refuseAmbiguous(): RequestHandler {
  const refused = new WeakSet<Socket>();
  return (request, _response, next) => {
    // Node has read it already; unanswered, it ends with the connection.
    if (refused.has(request.socket)) return;
    const detail = ambiguity(request);
    if (detail === undefined) {
      next();
      return;
    }
    refused.add(request.socket);
    throw new Problem(400, detail, { headers: { Connection: 'close' } });
  };
}

function ambiguity({ method, url, httpVersion, headers, headersDistinct }: IncomingMessage) {
  const coding = headers['transfer-encoding'];
  const hasBody = coding !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'only HTTP/1.1 and HTTP/1.0 are spoken here';
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return 'the only Transfer-Encoding is chunked';
  if (hasBody && (method === 'GET' || method === 'HEAD')) return `a ${method} has no body`;
  if (url?.includes('#')) return 'a fragment is not part of a request';
  const hosts = headersDistinct.host?.length ?? 0;
  // HAProxy's checks are HTTP/1.0 without one.
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) return 'there must be one Host';
  if (!host.test(headers.host ?? '')) return 'the Host is not a name or an address, with or without a port';
}

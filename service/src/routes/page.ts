import type { RequestHandler } from 'express';
import { DatabaseUnavailable } from '../db/failures.ts';
import type { Quote, Quotes } from '../db/quotes.ts';
import { retryAfterSeconds } from '../http/problem.ts';
import { problem, type Route } from '../http/route.ts';
import type { Identity } from '../identity.ts';
import { awayPage, contentSecurityPolicy, quotePage } from './page-html.ts';
import { parseId } from './quotes.ts';

const html = (description: string) => ({
  description,
  content: { 'text/html': { schema: { type: 'string' } } },
});

/** GET /: a quote to look at. */
export function pageRoutes(quotes: Quotes, identity: Identity): Route[] {
  const show: RequestHandler = async (request, response) => {
    const { after } = request.query;
    const pick = after === undefined ? () => quotes.random() : nextTo(quotes, parseId('after', after));
    response.set('Content-Security-Policy', contentSecurityPolicy).type('html');
    try {
      response.send(quotePage(await pick(), identity));
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      request.log.warn({ reason: error.reason }, error.message);
      response.status(503).set('Retry-After', String(retryAfterSeconds)).send(awayPage(identity));
    }
  };
  return [
    {
      method: 'get',
      path: '/',
      operation: {
        operationId: 'getPage',
        summary: 'A page with a quote, for people.',
        parameters: [
          {
            name: 'after',
            in: 'query',
            description: 'Show the quote after the one with this id rather than any.',
            schema: { type: 'integer', minimum: 1 },
          },
        ],
        responses: {
          200: html('The page.'),
          400: problem('`after` is not an id.'),
          503: html('The page, without a quote: the database does not answer.'),
        },
      },
      handlers: [show],
    },
  ];
}

function nextTo(quotes: Quotes, id: number): () => Promise<Quote | undefined> {
  return () => quotes.after(id);
}

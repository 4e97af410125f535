import type { IRouter, RequestHandler } from 'express';
import { Problem } from './problem.ts';

/** A JSON Schema, as OpenAPI 3.1 takes it. */
export type Schema = Readonly<Record<string, unknown>>;

/** What /openapi.json says about one route. */
export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: true; readonly content: Content };
  readonly responses: Readonly<Record<string, Answer>>;
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required?: boolean;
  readonly description: string;
  readonly schema: Schema;
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>;
  readonly content?: Content;
}

/** One method on one path: what it does and what it says it does. */
export interface Route {
  readonly method: 'get' | 'post';
  /** As in OpenAPI: `/api/quotes/{id}`. */
  readonly path: string;
  readonly operation: Operation;
  readonly handlers: readonly RequestHandler[];
}

/** Serves the routes, in their order, and answers 405 with Allow for every other method on their paths. */
export function mount(router: IRouter, routes: readonly Route[]): void {
  for (const path of new Set(routes.map((route) => route.path))) {
    const onPath = routes.filter((route) => route.path === path);
    const served = router.route(path.replaceAll(/\{(\w+)\}/g, ':$1'));
    served.all((request, _response, next) => {
      request.routeTemplate = path;
      next();
    });
    for (const route of onPath) served[route.method](...route.handlers);
    // Express answers HEAD wherever it answers GET.
    const allow = onPath.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : ['POST'])).join(', ');
    served.all((request) => {
      throw new Problem(405, `${request.method} is not served here; ${allow} is`, {
        headers: { Allow: allow },
      });
    });
  }
}

/** Answers that are JSON of this schema. */
export function json(description: string, schema: Schema): Answer {
  return { description, content: { 'application/json': { schema } } };
}

/** Answers that are problem+json. */
export function problem(description: string): Answer {
  return {
    description,
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}

/** The answer while the database is away. */
export const databaseAway: Answer = {
  ...problem('The database does not answer; try again after Retry-After seconds.'),
  headers: { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' } } },
};

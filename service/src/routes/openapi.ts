import { json, type Operation, type Route, type Schema } from '../http/route.ts';
import type { Identity } from '../identity.ts';
import { quoteSchemas } from './quotes.ts';
import { versionSchema } from './version.ts';

/** An OpenAPI 3.1 document, as far as we write one. */
interface OpenApi {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const problemSchema: Schema = {
  description: 'Problem details (RFC 9457).',
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'requestId'],
  additionalProperties: false,
  properties: {
    type: { const: 'about:blank' },
    title: { type: 'string' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'The path and query of the request.' },
    requestId: { type: 'string', description: 'The same as X-Request-Id; finds the request in the log.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'detail'],
        additionalProperties: false,
        properties: {
          pointer: { type: 'string', description: 'A JSON pointer into the request body.' },
          detail: { type: 'string' },
        },
      },
    },
  },
};

/** GET /openapi.json: the routes given here and itself, described. */
export function openApiRoutes(others: readonly Route[], identity: Identity): Route[] {
  const self: Route = {
    method: 'get',
    path: '/openapi.json',
    operation: {
      operationId: 'getOpenApi',
      summary: 'This document.',
      responses: { 200: json('An OpenAPI 3.1 document.', { type: 'object' }) },
    },
    handlers: [(_request, response) => void response.json(document)],
  };
  const document = describe([...others, self], identity);
  return [self];
}

function describe(routes: readonly Route[], identity: Identity): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const { path, method, operation } of routes) paths[path] = { ...paths[path], [method]: operation };
  return {
    openapi: '3.1.0',
    info: {
      title: identity.name,
      version: identity.version,
      description: 'Quotes. Every answer carries X-Served-By (the pod) and X-Request-Id.',
    },
    paths,
    components: { schemas: { ...quoteSchemas, Version: versionSchema, Problem: problemSchema } },
  };
}

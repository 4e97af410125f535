import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Ajv, type JSONSchemaType } from 'ajv';
import express, { type RequestHandler } from 'express';
import type { NewQuote, Quotes } from '../db/quotes.ts';
import { Problem, tooLarge } from '../http/problem.ts';
import { databaseAway, json, problem, type Route, type Schema } from '../http/route.ts';

const maxId = 2_147_483_647;
const maxPage = 1_000_000;
const maxLimit = 100;
const maxBody = 16 * 1024;

// One line that is not blank. Postgres can store neither U+0000 nor half of a surrogate pair: both end here.
const printable = '^(?=.*\\S)[^\\p{Cc}\\p{Cs}]*$';

const newQuoteSchema: JSONSchemaType<NewQuote> = {
  type: 'object',
  required: ['text', 'author'],
  additionalProperties: false,
  properties: {
    text: { type: 'string', minLength: 1, maxLength: 500, pattern: printable },
    author: { type: 'string', minLength: 1, maxLength: 100, pattern: printable },
  },
};

const quoteSchema: Schema = {
  type: 'object',
  required: ['id', 'text', 'author'],
  additionalProperties: false,
  properties: {
    id: { type: 'integer', minimum: 1, maximum: maxId },
    text: { type: 'string' },
    author: { type: 'string' },
  },
};

const quotePageSchema: Schema = {
  type: 'object',
  required: ['items', 'page', 'limit', 'total'],
  additionalProperties: false,
  properties: {
    items: { type: 'array', items: { $ref: '#/components/schemas/Quote' } },
    page: { type: 'integer', minimum: 1 },
    limit: { type: 'integer', minimum: 1, maximum: maxLimit },
    total: { type: 'integer', minimum: 0 },
  },
};

/** The schemas the operations below refer to, by name. */
export const quoteSchemas = { Quote: quoteSchema, NewQuote: newQuoteSchema, QuotePage: quotePageSchema };

// The type checks the schema; the meta-schema would have to be compiled for it at each start, which takes a tenth of that.
const isNewQuote = new Ajv({ allErrors: true, meta: false, validateSchema: false }).compile(newQuoteSchema);
const aQuote = json('The quote.', { $ref: '#/components/schemas/Quote' });

/**
 * Reads a whole number a client sent.
 * @throws {Problem} 400, naming it and what is expected
 */
function parseWhole(name: string, value: unknown, min: number, max: number): number {
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new Problem(400, `${name} must be a whole number from ${min} to ${max}`);
}

/** Reads the id of a quote, throwing a 400 Problem where it cannot be one. */
export function parseId(name: string, value: unknown): number {
  return parseWhole(name, value, 1, maxId);
}

/** /api/quotes and below. */
export function quoteRoutes(quotes: Quotes): Route[] {
  return [
    {
      method: 'get',
      path: '/api/quotes',
      operation: {
        operationId: 'listQuotes',
        summary: 'Quotes, page by page, in the order they were added.',
        description: 'May lag: a quote just added, and the total with it, may take a moment to appear.',
        parameters: [
          {
            name: 'page',
            in: 'query',
            description: 'Counted from 1; a page beyond the last is empty.',
            schema: { type: 'integer', minimum: 1, maximum: maxPage, default: 1 },
          },
          {
            name: 'limit',
            in: 'query',
            description: 'Quotes on a page.',
            schema: { type: 'integer', minimum: 1, maximum: maxLimit, default: 20 },
          },
        ],
        responses: {
          200: json('One page.', { $ref: '#/components/schemas/QuotePage' }),
          400: problem('The page or the limit is out of bounds.'),
          503: databaseAway,
        },
      },
      handlers: [
        async (request, response) => {
          const page = parseWhole('page', request.query.page ?? '1', 1, maxPage);
          const limit = parseWhole('limit', request.query.limit ?? '20', 1, maxLimit);
          response.json(await quotes.page(page, limit));
        },
      ],
    },
    {
      method: 'post',
      path: '/api/quotes',
      operation: {
        operationId: 'addQuote',
        summary: 'Adds a quote.',
        description: 'After 201 the quote is stored for good. After 503 it may have been added all the same.',
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/NewQuote' } } },
        },
        responses: {
          201: {
            ...json('The quote, with its id.', { $ref: '#/components/schemas/Quote' }),
            headers: { Location: { description: 'Where the quote is.', schema: { type: 'string' } } },
          },
          400: problem('The body is not JSON or not a quote; `errors` says where.'),
          413: problem('The body is too large.'),
          415: problem('The body is not application/json.'),
          503: databaseAway,
        },
      },
      handlers: [
        requireJson,
        requireSmall,
        express.json({ limit: maxBody, inflate: false, verify: requireUtf8 }),
        async (request, response) => {
          const quote = await quotes.add(parseNewQuote(request.body));
          response.status(201).location(`/api/quotes/${quote.id}`).json(quote);
        },
      ],
    },
    {
      method: 'get',
      // Before {id}, which would take it for a malformed one.
      path: '/api/quotes/random',
      operation: {
        operationId: 'getRandomQuote',
        summary: 'Any quote.',
        description: 'May lag: a quote just added may take a moment to be among them.',
        responses: { 200: aQuote, 404: problem('There are no quotes.'), 503: databaseAway },
      },
      handlers: [
        async (_request, response) => {
          response.json(found(await quotes.random(), 'there are no quotes'));
        },
      ],
    },
    {
      method: 'get',
      path: '/api/quotes/{id}',
      operation: {
        operationId: 'getQuote',
        summary: 'One quote.',
        description: 'Found from the moment its POST was answered on.',
        parameters: [
          {
            name: 'id',
            in: 'path',
            required: true,
            description: 'The id of the quote.',
            schema: { type: 'integer', minimum: 1, maximum: maxId },
          },
        ],
        responses: {
          200: aQuote,
          400: problem('That is not an id.'),
          404: problem('No quote has this id.'),
          503: databaseAway,
        },
      },
      handlers: [
        async (request, response) => {
          const id = parseId('id', request.params.id);
          response.json(found(await quotes.byId(id), `no quote has the id ${id}`));
        },
      ],
    },
  ];
}

const requireJson: RequestHandler = (request, _response, next) => {
  // request.is() answers null for a request without a body, whose type is then what it says.
  const type = request.get('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new Problem(415, 'the Content-Type must be application/json');
  next();
};

/** The parser would read all of a body before it refuses it. */
const requireSmall: RequestHandler = (request, _response, next) => {
  if (Number(request.get('Content-Length') ?? 0) > maxBody) throw new Problem(413, tooLarge);
  next();
};

/** Before it is parsed: what is no UTF-8 would be stored as question marks. */
function requireUtf8(_request: IncomingMessage, _response: unknown, body: Buffer, charset: string): void {
  if (charset !== 'utf-8') throw new Problem(415, 'the charset must be utf-8');
  if (!isUtf8(body)) throw new Problem(400, 'the body is not UTF-8');
}

function parseNewQuote(body: unknown): NewQuote {
  if (isNewQuote(body)) return body;
  const errors = (isNewQuote.errors ?? []).map((error) => ({
    pointer: error.instancePath,
    detail: error.message ?? error.keyword,
  }));
  throw new Problem(400, 'the body is not a quote', { errors });
}

function found<Value>(value: Value | undefined, otherwise: string): Value {
  if (value === undefined) throw new Problem(404, otherwise);
  return value;
}

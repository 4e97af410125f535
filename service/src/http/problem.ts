import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { DatabaseUnavailable } from '../db/failures.ts';

/** Seconds a client is asked to wait before it tries again. */
export const retryAfterSeconds = 2;

/** What a client is told of a body that no route takes. */
export const tooLarge = 'the request body is larger than 16 KiB';

/** The body of every error answer: problem details as of RFC 9457, plus our request id. */
interface ProblemDetails {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly requestId: string;
  readonly errors?: readonly FieldError[];
}

/** One thing wrong with a request body: where (a JSON pointer) and what. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

/** An error with an HTTP status, meant for the client to read. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: readonly FieldError[];

  constructor(
    status: number,
    detail: string,
    more: { headers?: Record<string, string>; errors?: readonly FieldError[] } = {},
  ) {
    super(detail);
    this.status = status;
    this.headers = more.headers ?? {};
    this.errors = more.errors ?? [];
  }
}

/** Answers what no route took: 404. */
export const noSuchRoute: RequestHandler = (request) => {
  throw new Problem(404, `there is nothing at ${request.path}; /openapi.json lists what there is`);
};

/** Turns whatever a handler threw into problem+json; only what nobody foresaw is 500, and logged. */
export const answerProblem: ErrorRequestHandler = (error, request, response, next) => {
  if (response.headersSent) {
    next(error);
    return;
  }
  const problem = toProblem(error);
  // An outage fails every request: one line each, no stacks.
  if (error instanceof DatabaseUnavailable) request.log.warn({ reason: error.reason }, error.message);
  else if (problem.status === 500) request.log.error({ err: error }, 'a request failed');
  sendProblem(request, response, problem);
};

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseUnavailable) {
    return new Problem(503, 'the database does not answer right now; please try again shortly', {
      headers: { 'Retry-After': String(retryAfterSeconds) },
    });
  }
  const status = clientErrorStatus(error);
  if (status !== undefined)
    return new Problem(status, clientErrorDetails[status] ?? 'the request is not valid');
  return new Problem(500, 'something went wrong here; the request id finds it in the log');
}

// Express and its body parser throw errors that carry a status; their own words may quote the request.
const clientErrorDetails: Readonly<Record<number, string>> = {
  400: 'the request is not valid: malformed JSON, or a malformed path',
  413: tooLarge,
  415: 'the request body must be UTF-8 JSON, not compressed',
};

function clientErrorStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}

function sendProblem(request: Request, response: Response, problem: Problem): void {
  const details: ProblemDetails = {
    type: 'about:blank',
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    detail: problem.message,
    instance: request.originalUrl,
    requestId: request.id,
    ...(problem.errors.length > 0 ? { errors: problem.errors } : {}),
  };
  response.status(problem.status).set(problem.headers).type('application/problem+json');
  response.send(JSON.stringify(details));
}

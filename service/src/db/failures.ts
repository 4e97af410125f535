import pg from 'pg';

/** The database cannot answer now and may later: a reason for 503, never for 500. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';

  /** What the driver or Postgres said. */
  get reason(): string {
    return this.cause instanceof Error ? this.cause.message : String(this.cause);
  }
}

/** There was no connection in time to send a statement on: it certainly did not run. */
export class NotSent extends Error {
  override readonly name = 'NotSent';
}

/** A statement was sent, and nothing came back in time: it may have run. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';

  constructor(afterMs: number) {
    super(`no answer within ${afterMs.toFixed()} ms`);
  }
}

/** A statement ran on the primary, and may be lost with it: no standby said that it has it. */
export class NotReplicated extends Error {
  override readonly name = 'NotReplicated';
}

// 25006: a primary was demoted under us. 40001: a replica had to replay. 42P01: the schema is not there yet.
// 57014: statement_timeout.
const unavailableStates = /^(08|28|3D|53|57P0)|^(25006|40001|42P01|57014)$/;
const brokenConnectionStates = /^(08|57P0)/;

/** The SQLSTATE, where Postgres itself said what is wrong. */
function stateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? (error.code ?? '') : undefined;
}

/** True where an error says "not now" rather than "this statement is wrong". */
export function isUnavailable(error: unknown): boolean {
  const state = stateOf(error);
  // Whatever Postgres itself did not say comes from the way there: sockets, names, timeouts.
  return state === undefined ? error instanceof Error : unavailableStates.test(state);
}

/** True where a server may be there and only too slow: the same may well be answered when it is asked again. */
export function isSlow(error: unknown): boolean {
  return error instanceof NotSent || error instanceof NoAnswer || stateOf(error) === '57014';
}

/** True where no table was found, as after the database was replaced by an empty one. */
export function isSchemaMissing(error: unknown): boolean {
  return stateOf(error) === '42P01';
}

/** True where the server that a connection leads to was demoted: only a new connection finds the primary. */
export function isDemoted(error: unknown): boolean {
  return stateOf(error) === '25006';
}

/** True where the connection broke under a statement: on a new one it may well be answered at once. */
export function isBroken(error: unknown): boolean {
  const state = stateOf(error);
  if (state !== undefined) return brokenConnectionStates.test(state);
  return error instanceof Error && !(error instanceof NotSent || error instanceof NoAnswer);
}

/**
 * The outcome of `promise`, which goes on by itself when it takes longer.
 * @throws {NoAnswer} after `ms` milliseconds
 */
export async function within<Value>(ms: number, promise: Promise<Value>): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new NoAnswer(ms)), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

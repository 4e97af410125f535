import type { Node, ScanToken } from 'libpg-query';

/** A place in a text, line and column counted from 1. */
type Position = { line: number; column: number };

/** `last` is the line it ends on. `above` are the comments that end right above a statement, without a gap; `text` is the
 * statement as it is written, without the semicolon. */
export type Comment = Position & { text: string; last: number };
export type Statement = Position & { node: Node; text: string; above: Comment[] };

/** The SQL of one migration, or why Postgres would not parse it. */
export type Sql =
  | { statements: Statement[]; comments: Comment[]; problem?: undefined }
  | { problem: Position & { message: string } };

/**
 * Parses SQL by Postgres' own grammar. That is loaded with the first text: 0.2 s of CPU, which a check without a new
 * migration does not pay.
 */
export async function parseSql(text: string): Promise<Sql> {
  if (text.trim() === '') {
    return { statements: [], comments: [] };
  }
  const end = text.indexOf('\0');
  if (end >= 0) {
    const position = positions(text)(Buffer.byteLength(text.slice(0, end)));
    return { problem: { ...position, message: 'a zero byte, at which the text ends for it' } };
  }
  const postgres = await import('libpg-query');
  await postgres.loadModule();
  try {
    // Before the scan, whose errors say no place.
    const { stmts = [] } = postgres.parseSync(text);
    const { tokens } = postgres.scanSync(text);
    const isComment = ({ tokenName }: ScanToken) => tokenName === 'SQL_COMMENT' || tokenName === 'C_COMMENT';
    const positionAt = positions(text);
    const comments = tokens.filter(isComment).map((token): Comment => {
      const { line, column } = positionAt(token.start);
      return { line, column, text: token.text, last: positionAt(token.end).line };
    });
    const above = new Map(comments.map((comment) => [comment.last, comment]));
    const code = tokens.filter((token) => !isComment(token));
    let next = 0;
    const bytes = Buffer.from(text);
    const statements = stmts.flatMap(({ stmt, stmt_location: from = 0, stmt_len: length }): Statement[] => {
      while ((code[next]?.start ?? from) < from) {
        next += 1;
      }
      const [before, first] = [code[next - 1], code[next]];
      if (stmt === undefined || first === undefined) {
        return [];
      }
      const position = positionAt(first.start);
      const taken = before === undefined ? 0 : positionAt(before.end).line;
      // Without a length it goes on to the end, which may be comments.
      const end = length === undefined ? (code.at(-1)?.end ?? bytes.length) : from + length;
      return [
        {
          ...position,
          node: stmt,
          text: bytes.subarray(first.start, end).toString(),
          above: commentsAbove(position.line, taken, above),
        },
      ];
    });
    return { statements, comments };
  } catch (error) {
    if (!(error instanceof Error && error.name === 'SqlError')) {
      throw error;
    }
    const at = 'sqlDetails' in error ? (error.sqlDetails as { cursorPosition: number }).cursorPosition : 0;
    // This one place is counted in characters, from the start of the text.
    const bytes = Buffer.byteLength([...text].slice(0, at).join(''));
    return { problem: { ...positions(text)(bytes), message: error.message } };
  }
}

/** The comments of the lines right above a line, by their last lines, up to one that has code or no comment. */
function commentsAbove(line: number, taken: number, comments: Map<number, Comment>): Comment[] {
  const above: Comment[] = [];
  let comment = comments.get(line - 1);
  while (comment !== undefined && comment.line > taken) {
    above.push(comment);
    comment = comments.get(comment.line - 1);
  }
  return above;
}

/** Finds the position of an offset in bytes, which is what Postgres counts. */
function positions(text: string): (offset: number) => Position {
  const bytes = Buffer.from(text);
  const starts = [0];
  for (let at = bytes.indexOf('\n'); at >= 0; at = bytes.indexOf('\n', at + 1)) {
    starts.push(at + 1);
  }
  return (offset) => {
    let [line, after] = [0, starts.length];
    while (after - line > 1) {
      const middle = (line + after) >> 1;
      [line, after] = (starts[middle] ?? 0) <= offset ? [middle, after] : [line, middle];
    }
    return { line: line + 1, column: bytes.subarray(starts[line], offset).toString().length + 1 };
  };
}

/** Every statement and expression below a node, by its kind, itself first. */
export function* nodesIn(node: unknown): Generator<Node> {
  if (Array.isArray(node)) {
    for (const item of node) {
      yield* nodesIn(item);
    }
  } else if (typeof node === 'object' && node !== null) {
    for (const [key, value] of Object.entries(node)) {
      // A kind begins with a capital letter, a field with a small one.
      if (/^[A-Z]/.test(key)) {
        yield { [key]: value } as Node;
      }
      yield* nodesIn(value);
    }
  }
}

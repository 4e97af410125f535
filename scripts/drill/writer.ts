import { setTimeout as sleep } from 'node:timers/promises';

/** One quote that was sent. Times are milliseconds since the writer began. */
export type Write = {
  text: string;
  at: number;
  /** When its answer came, or when it was given up. */
  ended: number;
  /** 0 where no answer came; 201 is the service's word that the row is kept. */
  status: number;
  /** The row's, where it was acknowledged. */
  id: number | undefined;
};

/** Sends quotes at a steady rate, each once, whatever comes of it, and writes down each answer. */
export type Writer = {
  /** Of every row it sends, so that they are told from others and taken away again. */
  author: string;
  writes: Write[];
  now(): number;
  /** Sends no more, and waits for what was sent. */
  stop(): Promise<void>;
};

/** A write that is not answered by then is given up, in milliseconds: whether it was done is not known. */
const patience = 10_000;

/** Begins to add quotes at `url`, `rate` times a second. */
export function startWriter(url: string, rate: number): Writer {
  const author = `drill ${new Date().toISOString()}`;
  const writes: Write[] = [];
  const sent = new Set<Promise<void>>();
  const started = performance.now();
  const now = () => performance.now() - started;
  let ended = false;
  const pace = async (): Promise<void> => {
    for (let nth = 0; !ended; nth += 1) {
      await sleep(Math.max(0, (nth * 1000) / rate - now()));
      const text = `row ${nth}`;
      const at = now();
      const one = add(url, { text, author }).then(({ status, id }) => {
        writes.push({ text, at, ended: now(), status, id });
      });
      sent.add(one);
      one.finally(() => sent.delete(one));
    }
  };
  const pacing = pace();
  return {
    author,
    writes,
    now,
    stop: async () => {
      ended = true;
      await pacing;
      await Promise.all(sent);
    },
  };
}

async function add(url: string, quote: object): Promise<Pick<Write, 'status' | 'id'>> {
  try {
    const answer = await fetch(`${url}/api/quotes`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(quote),
      signal: AbortSignal.timeout(patience),
    });
    const body = (await answer.json()) as { id?: number };
    return { status: answer.status, id: answer.status === 201 ? body.id : undefined };
  } catch {
    return { status: 0, id: undefined };
  }
}

/** The longest that no write was acknowledged between the first and the last that were, in seconds. */
export function longestWithoutWrites(writes: readonly Write[]): number {
  const times = writes.flatMap(({ status, ended }) => (status === 201 ? [ended] : [])).sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  return Math.max(0, ...gaps) / 1000;
}

/** A row as the database has it. */
export type Row = { id: number; text: string };

/** What of the acknowledged rows is not there under its id, and what is there more than once. */
export function compareRows(
  writes: readonly Write[],
  rows: readonly Row[],
): { lost: Write[]; duplicated: string[] } {
  const byId = new Map(rows.map(({ id, text }) => [id, text]));
  const lost = writes.filter(({ status, id, text }) => status === 201 && byId.get(id ?? 0) !== text);
  const duplicated = [...Map.groupBy(rows, ({ text }) => text)]
    .filter(([, same]) => same.length > 1)
    .map(([text]) => text);
  return { lost, duplicated };
}

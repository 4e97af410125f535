import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

/** What came of one request. Times are milliseconds; `at` counts from the start of the load. */
export type Answer = {
  at: number;
  took: number;
  /** 0 where no answer came. */
  status: number;
  /** Why no answer came; '' where one did. */
  error: string;
  /** Who answered, as X-Served-By says. */
  pod: string;
  connection: 'kept' | 'fresh';
};

/** Requests at a steady rate, whatever comes of them, half on kept connections and half each on one of its own. */
export type Load = {
  answers: Answer[];
  /** Milliseconds since the load began. */
  now(): number;
  /** When it was told to stop, in milliseconds since it began. */
  stopped(): number;
  /** Sends no more, and waits for what was sent. */
  stop(): Promise<void>;
};

/** A request that is not answered by then has failed, in milliseconds. */
const patience = 10_000;
/** However it is asked, the load ends by itself after this long, in milliseconds. */
const longest = 15 * 60_000;

/** Begins to ask `url` for a quote, `rate` times a second. */
export function startLoad(url: string, rate: number): Load {
  const protocol = url.startsWith('https:') ? https : http;
  // As many as it takes: who waited for another's connection would count that as the service's time.
  const kept = new protocol.Agent({ keepAlive: true });
  const answers: Answer[] = [];
  const asked = new Set<Promise<void>>();
  const started = performance.now();
  const now = () => performance.now() - started;
  let ended: number | undefined;
  const ask = (connection: Answer['connection']): void => {
    const one = once(protocol, url, connection === 'kept' ? kept : false).then(({ begun, ...answer }) => {
      answers.push({ ...answer, at: begun - started, connection });
    });
    asked.add(one);
    one.finally(() => asked.delete(one));
  };
  const pace = async (): Promise<void> => {
    for (let nth = 0; ended === undefined && now() < longest; nth += 1) {
      await sleep(Math.max(0, (nth * 1000) / rate - now()));
      ask(nth % 2 === 0 ? 'kept' : 'fresh');
    }
  };
  const pacing = pace();
  return {
    answers,
    now,
    stopped: () => ended ?? now(),
    stop: async () => {
      ended ??= now();
      await pacing;
      await Promise.all(asked);
      kept.destroy();
      answers.sort((one, other) => one.at - other.at);
    },
  };
}

type Raw = Omit<Answer, 'at' | 'connection'> & { begun: number };

function once(protocol: typeof http | typeof https, url: string, agent: http.Agent | false): Promise<Raw> {
  const { promise, resolve } = Promise.withResolvers<Raw>();
  const begun = performance.now();
  const end = (status: number, error: string, pod: string) =>
    resolve({ begun, took: performance.now() - begun, status, error, pod });
  const sent = protocol.request(url, { agent }, (answer) => {
    const pod = answer.headers['x-served-by'];
    answer.on('error', (error: NodeJS.ErrnoException) => end(0, error.code ?? error.message, ''));
    answer.on('end', () => end(answer.statusCode ?? 0, '', typeof pod === 'string' ? pod : ''));
    answer.resume();
  });
  const late = new Error(`no answer within ${patience / 1000} s`);
  const waiting = setTimeout(() => sent.destroy(late), patience);
  sent.on('close', () => clearTimeout(waiting));
  sent.on('error', (error: NodeJS.ErrnoException) => end(0, error.code ?? error.message, ''));
  sent.end();
  return promise;
}

/** Whether a request got what it asked for. */
export function isServed({ status }: Answer): boolean {
  return status === 200;
}

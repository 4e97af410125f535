import { setTimeout as sleep } from 'node:timers/promises';

/** What came of one request. Times are milliseconds; `at` is when the answer came, on performance's clock. */
export interface Outcome {
  readonly what: string;
  readonly status: number;
  readonly at: number;
  readonly took: number;
}

/** Clients that ask one request after the other. */
export interface Clients {
  /** What came of every request until now, in the order of the answers. */
  readonly outcomes: readonly Outcome[];
  /** Lets each finish the request it is at. */
  stop(): Promise<void>;
}

/** Starts clients that ask until they are stopped, and pause between two requests. */
export function startClients(
  count: number,
  pauseMs: number,
  ask: (nth: number) => Promise<{ what: string; answer: Response }>,
): Clients {
  const outcomes: Outcome[] = [];
  let asking = true;
  let asked = 0;
  const client = async () => {
    while (asking) {
      const began = performance.now();
      asked += 1;
      const { what, answer } = await ask(asked);
      await answer.text();
      const at = performance.now();
      outcomes.push({ what, status: answer.status, at, took: at - began });
      await sleep(pauseMs);
    }
  };
  const clients = Promise.all(Array.from({ length: count }, client));
  return {
    outcomes,
    async stop() {
      asking = false;
      await clients;
    },
  };
}

/** The longest time without an answer of this status, in milliseconds. */
export function longestGap(outcomes: readonly Outcome[], status: number): number {
  const times = outcomes.filter((outcome) => outcome.status === status).map(({ at }) => at);
  return Math.max(0, ...times.slice(1).map((at, nth) => at - (times[nth] ?? at)));
}

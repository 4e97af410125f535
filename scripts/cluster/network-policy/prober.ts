import { fork } from 'node:child_process';
import path from 'node:path';

export type Port = { protocol: 'TCP' | 'UDP'; port: number };
export type Way = Port & { address: string };

export type Order = { id: number } & (
  | { kind: 'listen'; ports: Port[] }
  | { kind: 'reach'; ways: Way[]; patience: number }
);
export type Answer = { id: number; reached: boolean[] };

/** A process in a network namespace, for tests of what gets from one to another. */
export interface Prober {
  listen(ports: Port[]): Promise<void>;
  /** Whether each was reached within so many milliseconds, be it to hear that nobody listens there. */
  reach(ways: Way[], patience: number): Promise<boolean[]>;
  end(): void;
}

/** Starts a prober in the network namespace of that file, such as /proc/PID/ns/net. */
export function openProber(namespace: string): Prober {
  const program = path.join(import.meta.dirname, 'prober-program.ts');
  const child = fork(program, {
    execPath: 'nsenter',
    execArgv: [`--net=${namespace}`, '--', process.execPath, '--disable-warning=ExperimentalWarning'],
  });
  const waiting = new Map<number, PromiseWithResolvers<boolean[]>>();
  child.on('message', ({ id, reached }: Answer) => {
    waiting.get(id)?.resolve(reached);
    waiting.delete(id);
  });
  child.on('exit', () => {
    for (const { reject } of waiting.values()) {
      reject(new Error(`the prober in ${namespace} ended`));
    }
  });
  let last = 0;
  const ask = (order: Order) => {
    const answer = Promise.withResolvers<boolean[]>();
    waiting.set(order.id, answer);
    child.send(order);
    return answer.promise;
  };
  const next = () => {
    last += 1;
    return last;
  };
  return {
    listen: async (ports) => {
      await ask({ id: next(), kind: 'listen', ports });
    },
    reach: (ways, patience) => ask({ id: next(), kind: 'reach', ways, patience }),
    end: () => child.kill(),
  };
}

import type { RequestListener } from 'node:http';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { type DrainTimes, drainable } from './drain.ts';
import { createPublicServer, listen } from './server.ts';

/** The public port, open before there is anything to answer with: what is asked until then waits. */
export interface Door {
  readonly port: number;
  /** From now on the app answers, what waits first. */
  answerWith(app: RequestListener): void;
  /** Closes it without losing a request. @returns how many had to be cut */
  drain(times: DrainTimes): Promise<number>;
}

/**
 * Opens the public port. Here stands only what loads in milliseconds: kubelet asks a container the moment it runs, and
 * asks one that refused again only a second later.
 * @throws the system's error where the port cannot be bound
 */
export async function openDoor(config: Config, log: Logger): Promise<Door> {
  const { promise: opened, resolve: answerWith } = Promise.withResolvers<RequestListener>();
  let answer: RequestListener = (request, response) => {
    // Who has left meanwhile is not waited for, and what they asked is not done.
    void opened.then((app) => response.destroyed || app(request, response));
  };
  void opened.then((app) => {
    answer = app;
  });
  const listener: RequestListener = (request, response) => answer(request, response);
  const server = createPublicServer(listener, config.pod, config.clientTimeoutMs, log);
  const drain = drainable(server);
  const port = await listen(server, config.port, config.listenHost);
  return { port, answerWith, drain };
}

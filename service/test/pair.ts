import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment } from './quote-app.ts';
import { startTcpService, type TcpService } from './tcp-service.ts';

/** A primary with a streaming replica, behind two addresses as in a cluster. */
export interface Pair {
  readonly primary: TestPostgres;
  readonly replica: TestPostgres;
  /** Leads to the primary until it is told otherwise. */
  readonly rw: TcpService;
  /** Leads to the replica until it is told otherwise. */
  readonly ro: TcpService;
  /** The environment of a quote-app that uses both. */
  readonly variables: Record<string, string>;
  /** Both addresses lead where they did in the beginning. */
  restore(): Promise<void>;
  remove(): Promise<void>;
}

/** Starts the pair; the replica has no synchronous standby when it is promoted. */
export async function startPair(): Promise<Pair> {
  const primary = await startPostgres();
  const replica = await startPostgres(primary);
  const rw = await startTcpService('127.0.0.2');
  const ro = await startTcpService('127.0.0.3', rw.port);
  const pair: Pair = {
    primary,
    replica,
    rw,
    ro,
    variables: { ...environment('pod-a', rw.port), PGHOST: rw.host, PGHOST_READ_ONLY: ro.host },
    async restore() {
      await rw.leadTo(primary.port);
      await ro.leadTo(replica.port);
    },
    async remove() {
      await Promise.all([rw.close(), ro.close()]);
      await Promise.all([primary.remove(), replica.remove()]);
    },
  };
  await pair.restore();
  return pair;
}

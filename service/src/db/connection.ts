import { Socket } from 'node:net';
import type pg from 'pg';
import type { PostgresConfig, PostgresTls } from '../config.ts';
import { Addresses } from './addresses.ts';
import type { Credentials } from './credentials.ts';

const addresses = new Addresses();

/** What `new pg.Client` and `new pg.Pool` need to connect to `host`. */
export function connectionOptions(
  config: PostgresConfig,
  { user, password }: Credentials,
  host: string,
  pod: string,
): pg.ClientConfig {
  return {
    host,
    port: config.port,
    user,
    password,
    database: config.database,
    application_name: pod,
    ssl: tlsOptions(config.tls),
    connectionTimeoutMillis: config.connectTimeoutMs + loginMs,
    // A node that is lost says nothing: an idle connection to it is found dead within 5 s, not after 2 hours.
    stream: () =>
      new NamedSocket(config.connectTimeoutMs).setKeepAlive({
        enable: true,
        initialDelay: 2000,
        interval: 1000,
        count: 3,
      }),
  };
}

/** How much longer than for the way to a server it may take to be let in: it is there, and may be busy. */
const loginMs = 2000;

/** pg connects by port and host, and leaves the lookup to Node. */
class NamedSocket extends Socket {
  constructor(patienceMs: number) {
    super();
    const late = setTimeout(() => this.destroy(new Error('connect ETIMEDOUT')), patienceMs);
    this.once('connect', () => clearTimeout(late)).once('close', () => clearTimeout(late));
  }

  override connect(...args: unknown[]): this {
    const [port, host] = args;
    return typeof port === 'number' && typeof host === 'string'
      ? super.connect({ port, host, lookup: addresses.lookup })
      : super.connect(...(args as Parameters<Socket['connect']>));
  }
}

/**
 * Calls `listener` once a statement on this connection was answered by a standby that has become a primary.
 * Not for a server that was one from the start.
 */
export function onPromotion(client: pg.PoolClient, listener: () => void): void {
  // Postgres 14 and later report a change of it unasked: https://www.postgresql.org/docs/15/protocol-flow.html
  type Status = { parameterName: string; parameterValue: string };
  const { connection } = client as pg.PoolClient & Pick<pg.Client, 'connection'>;
  connection.on('parameterStatus', ({ parameterName, parameterValue }: Status) => {
    if (parameterName === 'in_hot_standby' && parameterValue === 'off') listener();
  });
}

/** The socket of a client, which connects when the client does. */
export function streamOf(client: pg.Client): Socket {
  return (client as pg.Client & { connection: { stream: Socket } }).connection.stream;
}

/** The server process behind a connection, by the number that `pg_cancel_backend` takes. */
export function processOf(client: pg.PoolClient): number | null {
  return (client as pg.PoolClient & { processID: number | null }).processID;
}

function tlsOptions({ mode, authorities }: PostgresTls): NonNullable<pg.ClientConfig['ssl']> {
  switch (mode) {
    case 'disable':
      return false;
    case 'require':
      return { rejectUnauthorized: false };
    case 'verify-ca':
      // The name in the certificate is the provider's, and ours is that of an ExternalName Service.
      return { ca: authorities, checkServerIdentity: () => undefined };
    case 'verify-full':
      return { ca: authorities };
  }
}

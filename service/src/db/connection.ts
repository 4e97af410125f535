import { Socket } from 'node:net';
import type pg from 'pg';
import type { PostgresConfig, PostgresTls } from '../config.ts';

/** What `new pg.Client` and `new pg.Pool` need to connect to `host`. */
export function connectionOptions(config: PostgresConfig, host: string, pod: string): pg.ClientConfig {
  return {
    host,
    port: config.port,
    user: config.user,
    password: config.password,
    database: config.database,
    application_name: pod,
    ssl: tlsOptions(config.tls),
    connectionTimeoutMillis: config.connectTimeoutMs,
    // A node that is lost says nothing: an idle connection to it is found dead within 5 s, not after 2 hours.
    stream: () => new Socket().setKeepAlive({ enable: true, initialDelay: 2000, interval: 1000, count: 3 }),
  };
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

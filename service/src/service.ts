import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { Database } from './db/database.ts';
import { Migrator } from './db/migrator.ts';
import { PostgresQuotes } from './db/quotes.ts';
import { createApp } from './http/app.ts';
import { drainable } from './http/drain.ts';
import { createMetricsServer, createPublicServer, listen } from './http/server.ts';
import { identify } from './identity.ts';
import { Lifecycle } from './lifecycle.ts';
import { createMetrics } from './metrics.ts';

/** A running service. */
export interface Service {
  /** Drains and ends everything; called again, it answers the same end. */
  stop(): Promise<void>;
}

/**
 * Puts the parts together. The database may be away: readiness says when it was first reached.
 * @throws the system's error where a port cannot be bound
 */
export async function startService(config: Config, log: Logger): Promise<Service> {
  const identity = identify(config);
  const lifecycle = new Lifecycle();
  const database = new Database(config.postgres, config.pod, log);
  // Meanwhile it is looked at the schema, which most starts find complete.
  const filled = database.fill();
  const migrator = new Migrator(config.postgres, config.pod, log, () => {
    // Requests come at once to a pod that is ready: not a moment before its connections stand. Once more, as the database
    // may have been away, or empty, when it was first asked.
    void filled.then(() => database.fill()).then(() => lifecycle.schemaIsReady());
  });
  const metrics = createMetrics(identity, () => database.gauges());
  database.onSchemaMissing = () => migrator.start();
  database.onRetry = () => metrics.databaseRetries.inc();

  const metricsServer = createMetricsServer(metrics.registry, config.clientTimeoutMs);
  const metricsPort = await listen(metricsServer, { port: config.metricsPort, host: config.listenHost });
  const app = createApp({ identity, lifecycle, metrics, quotes: new PostgresQuotes(database), log });
  const server = createPublicServer(app, config.pod, config.clientTimeoutMs, log);
  const drain = drainable(server);
  const { listenFd: fd } = config;
  const port = await listen(
    server,
    fd === undefined ? { port: config.port, host: config.listenHost } : { fd },
  );
  const { version, revision } = identity;
  log.info({ port, metricsPort, version, revision }, 'listening');
  migrator.start();

  async function end(): Promise<void> {
    lifecycle.startDraining();
    log.info('draining');
    const [cut] = await Promise.all([
      drain({ lingerMs: config.drainLingerMs, timeoutMs: config.drainTimeoutMs }),
      migrator.stop(),
    ]);
    if (cut > 0) log.warn({ cut }, 'the drain took too long: the remaining requests were cut');
    metricsServer.close();
    metricsServer.closeAllConnections();
    await database.end();
    log.info('stopped');
  }
  let ending: Promise<void> | undefined;
  return {
    stop() {
      ending ??= end();
      return ending;
    },
  };
}

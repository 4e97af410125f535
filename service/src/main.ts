import { hostname } from 'node:os';
import { destination } from 'pino';
import { type Config, ConfigError, parseConfig } from './config.ts';
import { createLogger } from './log.ts';
import { startService } from './service.ts';

function readConfig(): Config {
  try {
    return parseConfig(process.env, hostname());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}

const config = readConfig();
const output = destination({ sync: false });
const log = createLogger(config, output);

function exit(code: number): never {
  output.flushSync();
  process.exit(code);
}

process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'the process cannot go on');
  exit(1);
});

const starting = startService(config, log);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    log.info({ signal }, 'asked to end');
    void starting.then((service) => service.stop()).then(() => exit(0));
  });
}

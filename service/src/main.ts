import { hostname } from 'node:os';
import { destination } from 'pino';
import { type Config, ConfigError, parseConfig } from './config.ts';
import { openDoor } from './http/door.ts';
import { createLogger } from './log.ts';

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

async function start() {
  const door = await openDoor(config, log);
  // Not imported above: the door would open only when all of it is loaded.
  const { startService } = await import('./service.ts');
  return startService(config, log, door);
}

const starting = start();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    log.info({ signal }, 'asked to end');
    void starting.then((service) => service.stop()).then(() => exit(0));
  });
}

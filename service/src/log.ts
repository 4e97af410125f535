import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Config } from './config.ts';

/** A logger of JSON lines; every line names the pod. */
export function createLogger(config: Config, destination: DestinationStream): Logger {
  return pino(
    {
      level: config.logLevel,
      base: { pod: config.pod, environment: config.environment },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

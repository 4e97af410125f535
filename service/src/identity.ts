import manifest from '../package.json' with { type: 'json' };
import type { Config } from './config.ts';

/** Who answers: what `GET /version` says. */
export interface Identity {
  readonly name: string;
  readonly version: string;
  readonly revision: string;
  readonly environment: string;
  readonly pod: string;
}

/** The identity of this process: name and version from package.json, the rest from its environment. */
export function identify(config: Config): Identity {
  return {
    name: manifest.name,
    version: manifest.version,
    revision: config.revision,
    environment: config.environment,
    pod: config.pod,
  };
}

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { type CredentialsSource, readCredentials } from './db/credentials.ts';

/** libpq's names, but for the two that leave it to the server. */
const tlsModes = ['disable', 'require', 'verify-ca', 'verify-full'] as const;

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Everything the environment may say, checked. Times are milliseconds. */
export interface Config {
  /** Address both listeners bind to; undefined means every interface. */
  readonly listenHost: string | undefined;
  /** 0 asks the kernel for a free port; the log line "listening" says which. */
  readonly port: number;
  /** The descriptor of a socket that listens on `port` already; undefined: nobody handed one over. */
  readonly listenFd: number | undefined;
  readonly metricsPort: number;
  readonly environment: string;
  readonly pod: string;
  readonly revision: string;
  readonly logLevel: (typeof logLevels)[number];
  /** How long after SIGTERM new requests are still accepted. Part of `drainTimeoutMs`. */
  readonly drainLingerMs: number;
  /** How long after SIGTERM the last connection is cut. */
  readonly drainTimeoutMs: number;
  /** How long a client may take to send a whole request, and to take any of an answer. */
  readonly clientTimeoutMs: number;
  readonly postgres: PostgresConfig;
}

/** Where Postgres is and how long to wait for it. Times are milliseconds. */
export interface PostgresConfig {
  /** Leads to the primary, wherever it is now. */
  readonly host: string;
  /** Leads to replicas, on the same port; undefined: the primary answers every read. */
  readonly readOnlyHost: string | undefined;
  readonly port: number;
  readonly credentials: CredentialsSource;
  readonly database: string;
  readonly tls: PostgresTls;
  /** Connections, to each host. */
  readonly poolMax: number;
  /** How long a new connection may take, or the wait for one of the pool. */
  readonly connectTimeoutMs: number;
  /** How long the server may run one statement. */
  readonly statementTimeoutMs: number;
  /** How long a request waits for the database altogether, connections and second tries included. */
  readonly answerTimeoutMs: number;
}

/** How a connection is encrypted, and what it is checked against, as libpq's sslmode says. */
export interface PostgresTls {
  readonly mode: (typeof tlsModes)[number];
  /** Certificates, in PEM, that the server's must come from; undefined: those that Node trusts. */
  readonly authorities: string | undefined;
}

/** Every bad value at once; each problem names the variable and what is expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The environment is not usable:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** Reads variables one by one and remembers what was wrong. An empty variable counts as absent. */
class Environment {
  readonly problems: string[] = [];
  readonly #variables: NodeJS.ProcessEnv;

  constructor(variables: NodeJS.ProcessEnv) {
    this.#variables = variables;
  }

  optional(name: string): string | undefined {
    return this.#variables[name] || undefined;
  }

  required(name: string, expected: string): string {
    const value = this.optional(name);
    if (value === undefined) this.problems.push(`${name} is missing: expected ${expected}`);
    return value ?? '';
  }

  optionalHost(name: string): string | undefined {
    const value = this.optional(name);
    if (value !== undefined && isIP(value) === 0 && !/^[\w.-]{1,253}$/.test(value)) {
      this.#reject(name, value, 'the name or address of a Postgres server, without a port');
    }
    return value;
  }

  integer(name: string, fallback: number, min: number, max: number): number {
    const value = this.optional(name);
    if (value === undefined) return fallback;
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    this.#reject(name, value, `a whole number from ${min} to ${max}`);
    return fallback;
  }

  matching(name: string, fallback: string, pattern: RegExp, expected: string): string {
    const value = this.optional(name) ?? fallback;
    if (!pattern.test(value)) this.#reject(name, value, expected);
    return value;
  }

  oneOf<Value extends string>(name: string, fallback: Value, values: readonly Value[]): Value {
    const given = this.optional(name);
    if (given === undefined) return fallback;
    const known = values.find((value) => value === given);
    if (known === undefined) this.#reject(name, given, `one of ${values.join(', ')}`);
    return known ?? fallback;
  }

  file(name: string): string | undefined {
    const file = this.optional(name);
    try {
      return file && readFileSync(file, 'utf8');
    } catch (error) {
      this.#reject(name, file ?? '', `a file that can be read (${(error as NodeJS.ErrnoException).code})`);
      return undefined;
    }
  }

  /** Whom to connect as: what a folder says, where one is named, and otherwise two variables. */
  credentials(): CredentialsSource {
    const folder = this.optional('PG_CREDENTIALS_DIR');
    if (folder === undefined) {
      const expected =
        'the Postgres user to connect as, or PG_CREDENTIALS_DIR, a folder with username and password';
      return { user: this.required('PGUSER', expected), password: this.optional('PGPASSWORD') };
    }
    try {
      readCredentials({ folder });
    } catch (error) {
      const expected = 'a folder with the files username and password';
      this.#reject('PG_CREDENTIALS_DIR', folder, `${expected} (${(error as NodeJS.ErrnoException).code})`);
    }
    return { folder };
  }

  /** The socket that was handed over, as sd_listen_fds(3) has it; what is meant for another process is not ours. */
  listenFd(): number | undefined {
    if (this.optional('LISTEN_PID') !== String(process.pid)) return undefined;
    return this.integer('LISTEN_FDS', 0, 0, 1) === 1 ? 3 : undefined;
  }

  address(name: string): string | undefined {
    const value = this.optional(name);
    if (value !== undefined && isIP(value) === 0) this.#reject(name, value, 'an IP address to listen on');
    return value;
  }

  #reject(name: string, value: string, expected: string): void {
    this.problems.push(`${name} is ${JSON.stringify(value)}: expected ${expected}`);
  }
}

/**
 * Turns environment variables into a {@link Config}.
 * @param variables what the process was given, usually `process.env`
 * @param hostname the pod's name where POD_NAME does not say it
 * @throws {ConfigError} naming every bad variable
 */
export function parseConfig(variables: NodeJS.ProcessEnv, hostname: string): Config {
  const env = new Environment(variables);
  const config: Config = {
    listenHost: env.address('LISTEN_HOST'),
    port: env.integer('PORT', 3000, 0, 65535),
    listenFd: env.listenFd(),
    metricsPort: env.integer('METRICS_PORT', 9090, 0, 65535),
    environment: env.matching('ENVIRONMENT', 'local', /^[\w.-]{1,63}$/, 'letters, digits, ".", "_" or "-"'),
    // It becomes a header value: nothing that could break one.
    pod: env.matching(
      'POD_NAME',
      hostname,
      /^[\w.-]{1,253}$/,
      'a pod name: letters, digits, ".", "_" or "-"',
    ),
    revision: env.matching('REVISION', 'unknown', /^[\w.:@/+-]{1,200}$/, 'a commit or a tag'),
    logLevel: env.oneOf('LOG_LEVEL', 'info', logLevels),
    drainLingerMs: env.integer('DRAIN_LINGER_MS', 1000, 0, 60_000),
    drainTimeoutMs: env.integer('DRAIN_TIMEOUT_MS', 10_000, 1, 600_000),
    clientTimeoutMs: env.integer('CLIENT_TIMEOUT_MS', 10_000, 500, 600_000),
    postgres: {
      host: env.required('PGHOST', 'the name or address of the Postgres server'),
      readOnlyHost: env.optionalHost('PGHOST_READ_ONLY'),
      port: env.integer('PGPORT', 5432, 1, 65535),
      credentials: env.credentials(),
      database: env.required('PGDATABASE', 'the name of the database'),
      tls: { mode: env.oneOf('PGSSLMODE', 'disable', tlsModes), authorities: env.file('PGSSLROOTCERT') },
      poolMax: env.integer('PG_POOL_MAX', 5, 1, 1000),
      // Above the second after which a question to DNS that was lost is asked again.
      connectTimeoutMs: env.integer('PG_CONNECT_TIMEOUT_MS', 1200, 1, 60_000),
      statementTimeoutMs: env.integer('PG_STATEMENT_TIMEOUT_MS', 1000, 1, 60_000),
      // Below the four seconds after which base/edge/haproxy.cfg gives a request up.
      answerTimeoutMs: env.integer('PG_ANSWER_TIMEOUT_MS', 3500, 500, 60_000),
    },
  };
  if (config.port === config.metricsPort && config.port !== 0) {
    env.problems.push(`METRICS_PORT is ${config.metricsPort}: expected another port than PORT`);
  }
  if (config.drainLingerMs >= config.drainTimeoutMs) {
    env.problems.push(
      `DRAIN_LINGER_MS is ${config.drainLingerMs}: expected less than DRAIN_TIMEOUT_MS (${config.drainTimeoutMs})`,
    );
  }
  const { connectTimeoutMs, statementTimeoutMs, answerTimeoutMs } = config.postgres;
  if (Math.max(connectTimeoutMs, statementTimeoutMs) >= answerTimeoutMs) {
    env.problems.push(
      `PG_ANSWER_TIMEOUT_MS is ${answerTimeoutMs}: expected more than PG_CONNECT_TIMEOUT_MS (${connectTimeoutMs}) and PG_STATEMENT_TIMEOUT_MS (${statementTimeoutMs})`,
    );
  }
  if (answerTimeoutMs >= config.clientTimeoutMs) {
    env.problems.push(
      `CLIENT_TIMEOUT_MS is ${config.clientTimeoutMs}: expected more than PG_ANSWER_TIMEOUT_MS (${answerTimeoutMs})`,
    );
  }
  if (env.problems.length > 0) throw new ConfigError(env.problems);
  return config;
}

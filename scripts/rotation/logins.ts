import { CannotRun } from '../cli.ts';
import type { Environment } from '../environment.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import { databaseOwner } from '../gitops/secrets.ts';
import { scramVerifier } from './scram.ts';

/** The logins that are used in turn. They own nothing, and may do what the owner of the database may. */
const inTurn = ['quotes_a', 'quotes_b'] as const;

/** A role of Postgres, and the password by which one logs in as it. */
export interface Login {
  username: string;
  password: string;
}

/** Who the next password is for, that the one of now may go on meanwhile. */
export function nextUsername(current: string): string {
  return current === inTurn[0] ? inTurn[1] : inTurn[0];
}

/** The logins of an environment's Postgres, wherever its primary is. */
export interface Logins {
  /** Makes a login, or gives it this password. The owner of the database is left as it is. */
  grant(login: Login): Promise<void>;
  /** Gives the owner of the database another password, and ends what is connected by the one before. */
  changeOwner(password: string): Promise<void>;
  /** Each name that a password is known by, and each client that is connected by it, on any of the instances. */
  connected(): Promise<{ username: string; client: string }[]>;
  /** Refuses all logins but this one and the owner's from now on, and ends what is connected by them. */
  refuseOthers(username: string): Promise<void>;
}

type Pods = {
  items: {
    metadata: { name: string };
    spec: { containers: { name: string }[] };
    status: { conditions?: { type: string; status: string }[] };
  }[];
};

/**
 * Reaches the Postgres that runs in an environment's namespace, by the socket in its pods, where no password is asked.
 * @throws {CannotRun} where there is none, as it is another's to run
 */
export async function loginsOf(kubectl: Kubectl, environment: Environment): Promise<Logins> {
  const instances = async (): Promise<string[]> => {
    const list = ['get', 'pods', `--namespace=${environment}`, '--selector=app.kubernetes.io/name=postgres'];
    const pods = (await kubectl.json<Pods>(list))?.items ?? [];
    return pods
      .filter(({ spec }) => spec.containers.some(({ name }) => name === 'postgres'))
      .filter(({ status }) => status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'))
      .map(({ metadata }) => metadata.name);
  };
  const sql = (pod: string, statements: string): Promise<string> => {
    const psql = 'psql --dbname=quotes --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1';
    const command = ['sh', '-c', `exec ${psql} --username="\${POSTGRES_USER:-postgres}"`];
    const exec = ['exec', '--stdin', pod, `--namespace=${environment}`, '--container=postgres', '--'];
    // By standard input: what is on a command line is in the API server's audit log.
    return kubectl([...exec, ...command], statements);
  };
  const onPrimary = async (statements: string): Promise<void> => {
    for (const pod of await instances()) {
      if ((await sql(pod, 'SELECT pg_is_in_recovery()')).trim() === 'f') {
        await sql(pod, statements);
        return;
      }
    }
    throw new CannotRun(
      `${environment} has no Postgres that takes writes now: "npm run status" says why. Run this again once it does.`,
    );
  };
  if ((await instances()).length === 0) {
    throw new CannotRun(
      `${environment} has no Postgres in the cluster that is ready. Where another runs it, make a second login there, ` +
        'write it into the Secret postgres-credentials, and take the first away once nothing uses it.',
    );
  }
  return {
    grant: async ({ username, password }) => {
      if (username !== databaseOwner) {
        await onPrimary(granting(username, scramVerifier(password)));
      }
    },
    changeOwner: (password) =>
      onPrimary(
        `ALTER ROLE ${databaseOwner} PASSWORD '${scramVerifier(password)}';\n${ending(databaseOwner)}`,
      ),
    connected: async () => {
      const asked = await Promise.all((await instances()).map((pod) => sql(pod, connections)));
      return asked
        .flatMap((rows) => rows.split('\n').filter((row) => row !== ''))
        .map((row) => {
          const [username = '', client = ''] = row.split('|');
          return { username, client };
        });
    },
    refuseOthers: (username) =>
      onPrimary(
        inTurn
          .filter((other) => other !== username)
          .map(refusing)
          .join('\n'),
      ),
  };
}

const exists = (username: string) => `EXISTS (SELECT FROM pg_roles WHERE rolname = '${username}')`;

function granting(username: string, verifier: string): string {
  return `BEGIN;
DO $$ BEGIN IF NOT ${exists(username)} THEN CREATE ROLE ${username}; END IF; END $$;
GRANT ${databaseOwner} TO ${username};
ALTER ROLE ${username} LOGIN PASSWORD '${verifier}';
COMMIT;`;
}

/** First nobody can come any more, then who is still there goes. */
function refusing(username: string): string {
  return `DO $$ BEGIN IF ${exists(username)} THEN ALTER ROLE ${username} NOLOGIN PASSWORD NULL; END IF; END $$;
${ending(username)}`;
}

function ending(username: string): string {
  return `DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE usename = '${username}' AND client_addr IS NOT NULL; END $$;`;
}

/** Those of the network: by the socket nobody needs a password. */
const connections = `SELECT DISTINCT usename, application_name FROM pg_stat_activity
  WHERE client_addr IS NOT NULL AND usename IN (${[databaseOwner, ...inTurn].map((name) => `'${name}'`).join(', ')})`;

import { CannotRun } from '../cli.ts';
import type { Environment } from '../environment.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import { databaseOwner, loginSecret, newPassword, ownerSecret } from '../gitops/secrets.ts';
import { until } from '../until.ts';
import { type Login, type Logins, loginsOf, nextUsername } from './logins.ts';

/** How long quote-app's pods may take to log in by the new password, in seconds. kubelet alone takes up to 90. */
const patience = 150;
/** How often kubelet is asked to look at the Secret meanwhile, in milliseconds. */
const againMs = 5000;

/** Which login quote-app had, and which it has now. */
export type Rotated = { environment: Environment; from: string; to: string };

/**
 * Gives quote-app another login of its database, and refuses the one before once nothing uses it. Interrupted anywhere,
 * both hold, and the next run begins with what is left of this one.
 * @param graceMs how long what is no pod's may keep a connection of the login before, once the pods have the next one
 * @throws {CannotRun} where it is not ours to do, or a pod does not take the new one up
 */
export async function rotateLogin(
  kubectl: Kubectl,
  environment: Environment,
  report: (doing: string) => void,
  graceMs = 20_000,
): Promise<Rotated> {
  const current = await readLogin(kubectl, environment);
  const logins = await loginsOf(kubectl, environment);
  report(`all is as ${current.username} before anything changes`);
  await settle(kubectl, environment, logins, current, graceMs);
  const next = { username: nextUsername(current.username), password: newPassword() };
  report(`Postgres takes ${next.username} besides ${current.username}`);
  await logins.grant(next);
  await writeLogin(kubectl, environment, loginSecret, next);
  report(`quote-app's pods log in as ${next.username}, without a restart`);
  await settle(kubectl, environment, logins, next, graceMs);
  report(`${current.username}'s old password is refused`);
  return { environment, from: current.username, to: next.username };
}

/** Brings it about that the database takes this login, that all that is connected uses it, and that no other is taken. */
async function settle(
  kubectl: Kubectl,
  environment: Environment,
  logins: Logins,
  login: Login,
  graceMs: number,
): Promise<void> {
  await logins.grant(login);
  await untilTakenUp(kubectl, environment, logins, login.username, graceMs);
  await logins.refuseOthers(login.username);
  if (login.username !== databaseOwner) {
    // Nobody logs in as the owner any more. The Secret is first: CloudNativePG gives the owner the password that it says.
    const password = newPassword();
    await writeLogin(kubectl, environment, ownerSecret, { username: databaseOwner, password });
    await logins.changeOwner(password);
  }
}

type Pods = {
  items: { metadata: { name: string; deletionTimestamp?: string }; status: { phase: string } }[];
};

async function untilTakenUp(
  kubectl: Kubectl,
  environment: Environment,
  logins: Logins,
  username: string,
  graceMs: number,
): Promise<void> {
  const inPods = [`--namespace=${environment}`, '--selector=app.kubernetes.io/name=quote-app'];
  let asked = 0;
  let late: string[] = [];
  // Since when every pod has the login. Who holds a leaked one does not let go of it: then it is taken away.
  let taken: number | undefined;
  const takenUp = async () => {
    const connected = await logins.connected();
    const pods = (await kubectl.json<Pods>(['get', 'pods', ...inPods]))?.items ?? [];
    const users = new Set(connected.filter((one) => one.username === username).map(({ client }) => client));
    const without = pods
      .filter(({ metadata, status }) => status.phase === 'Running' && !metadata.deletionTimestamp)
      // What Postgres keeps of a client's name.
      .map(({ metadata }) => metadata.name.slice(0, 63))
      .filter((name) => !users.has(name));
    late = [...connected.filter((one) => one.username !== username).map(({ client }) => client), ...without];
    taken = without.length > 0 ? undefined : (taken ?? Date.now());
    if (taken !== undefined && Date.now() - taken > graceMs) {
      return true;
    }
    if (late.length > 0 && Date.now() - asked > againMs) {
      asked = Date.now();
      // A pod that changes is looked at at once: kubelet writes the Secret's files anew.
      const annotation = `quotes.rotate/asked-at=${new Date(asked).toISOString()}`;
      await kubectl(['annotate', 'pods', ...inPods, annotation, '--overwrite']);
    }
    return late.length === 0;
  };
  await until(`every connection as ${username}`, takenUp, patience).catch((error: Error) => {
    throw new CannotRun(
      `${error.message}: ${[...new Set(late)].join(', ')} did not. Nothing is lost, and the password before holds still. ` +
        `"npm run status" says what is wrong; then run "npm run rotate -- ${environment}" again.`,
    );
  });
}

async function readLogin(kubectl: Kubectl, environment: Environment): Promise<Login> {
  type Secret = {
    metadata: { labels?: Record<string, string> };
    data?: Record<string, string>;
  };
  const read = ['get', 'secret', loginSecret, `--namespace=${environment}`];
  const secret = await kubectl.json<Secret>(read);
  if (secret?.metadata.labels?.['reconcile.external-secrets.io/managed'] === 'true') {
    throw new CannotRun(
      `${loginSecret} in ${environment} is an ExternalSecret's: what is written here would be undone. Rotate it in the ` +
        'store that it comes from; quote-app takes it up by itself.',
    );
  }
  const value = (key: string) => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();
  const login = { username: value('username'), password: value('password') };
  if (login.username === '' || login.password === '') {
    throw new CannotRun(
      `${environment} has no Secret ${loginSecret} with username and password: "npm start" makes it.`,
    );
  }
  return login;
}

async function writeLogin(
  kubectl: Kubectl,
  namespace: Environment,
  name: string,
  { username, password }: Login,
): Promise<void> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const data = { username: base64(username), password: base64(password) };
  await kubectl.apply([{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data }]);
}

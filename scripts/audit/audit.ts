import { setTimeout as sleep } from 'node:timers/promises';
import { type JsonMap, noObject, type ObjectId, type RenderedObject } from '../check/model.ts';
import { CannotRun } from '../cli.ts';
import {
  applicationInGit,
  applicationsGone,
  argocdNamespace,
  liveApplication,
} from '../diff/live/applications.ts';
import { idOf, liveObjects } from '../diff/live/cluster.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import { additions } from './additions.ts';
import { readApplications } from './deployed.ts';
import { applicationDrift, type Deployed, environmentDrift } from './drift.ts';
import { type GitState, readGit } from './git.ts';
import { type LiveObjects, readLive } from './live-objects.ts';
import { manifestsOf } from './manifests.ts';
import type { Audit, AuditFinding } from './model.ts';
import { claimedBy, type Unowned, unowned } from './ownership.ts';
import { judgeLive, type LiveEnvironment } from './policies.ts';

export type AuditOptions = {
  /** What the files at the root are called, such as their commit; the folder where it has no other name. */
  git?: string;
  /** The environments that are meant; all of them, and what is of none, when there is no name. */
  environments?: string[];
  progress?: (line: string) => void;
  /** How long what nobody owns is given to be taken up or to go, in milliseconds. */
  settle?: number;
};

/**
 * Holds a cluster to the policies and to the files at `root`, which Argo CD deploys, and looks for objects that nobody
 * owns. Nothing is changed.
 * @throws {CannotRun} when the cluster has no Argo CD, policies/ or apps/ cannot be read, or there is no such environment
 * @throws {KubectlError} when the cluster does not answer
 */
export async function auditCluster(
  kubectl: Kubectl,
  root: string,
  { git: called = root, environments: names = [], progress = () => {}, settle = 2000 }: AuditOptions = {},
): Promise<Audit> {
  const applications = await readApplications(kubectl);
  const git = await readGit(root, progress);
  const deployed = deployedHere(git, applications, names, progress);
  const isAll = names.length === 0;
  const isMeant = ({ render: { target } }: Deployed) => isAll || names.includes(target.environment);
  const drift: AuditFinding[] = [];
  for (const one of deployed.filter(isMeant)) {
    progress(`comparing ${one.render.target.environment} with Git`);
    drift.push(...(await environmentDrift(kubectl, root, one, progress)));
  }
  const environmentOf = (application: JsonMap) => environmentDeployedBy(deployed, idOf(application));
  const added: AuditFinding[] = [];
  for (const application of applications) {
    const environment = environmentOf(application);
    if (isAll || names.includes(environment)) {
      progress(`looking for what was added to ${idOf(application).name}`);
      added.push(...(await additions(kubectl, git, application, environment)));
    }
  }
  const gone = await applicationsGone(kubectl, appsIn(git));
  progress('reading the objects of the cluster');
  const live = await readLive(kubectl);
  const environments = await liveEnvironments(kubectl, deployed, live);
  progress('holding them to the rules');
  const { findings: broken, judged, rules } = await judgeLive(git, environments, live.objects);
  const ownerless = await unownedFor(kubectl, git, { applications, live }, settle);
  // What does not render declares nothing to be outside Git.
  const undeclared = new Set(
    deployed.filter(({ render }) => render.error !== undefined).flatMap(namespacesOf),
  );
  const namespaces = new Map(
    deployed.flatMap((one) => namespacesOf(one).map((name) => [name, one.render.target.environment])),
  );
  const findings = [
    ...broken,
    ...withoutTwins([
      ...applicationDrift(applications, environmentOf),
      ...drift,
      ...gone.map(({ application, environment }) => goneFinding(application.name, environment)),
    ]),
    ...added,
    ...live.unread.map(unreadFinding),
    ...ownerless
      .filter(({ object }) => !undeclared.has(object.id.namespace))
      .map((one) => unownedFinding(one, namespaces)),
  ].filter(({ environment, object }) => isAll || names.includes(environment) || object === noObject);
  return {
    findings,
    coverage: {
      git: called,
      environments: deployed.filter(isMeant).map(({ render }) => render.target.environment),
      applications: applications.length,
      objects: live.objects.length,
      judged,
      policies: git.policies.length,
      rules,
    },
  };
}

function appsIn({ renders }: GitState): RenderedObject[] {
  return renders.flatMap(({ target, objects }) => (target.role === 'apps' ? objects : []));
}

/** The environments that Git deploys to this cluster. What is asked for by name must be one of them. */
function deployedHere(
  git: GitState,
  applications: JsonMap[],
  names: string[],
  progress: (line: string) => void,
): Deployed[] {
  const apps = appsIn(git);
  const deployed = git.renders
    .filter(({ target }) => target.role === 'environment')
    .flatMap((render): Deployed[] => {
      const inGit = applicationInGit(git.root, render.target, apps);
      const found = inGit && applications.find((application) => isApplication(idOf(application), inGit));
      return inGit === undefined ? [] : [{ render, inGit, application: found && liveApplication(found) }];
    });
  const there = deployed.map(({ render }) => render.target.environment);
  const unknown = names.find((name) => !there.includes(name));
  if (unknown !== undefined) {
    throw new CannotRun(`${unknown}: no such environment. There are ${there.join(', ')}.`);
  }
  return deployed.filter(({ render: { target }, application }) => {
    if (application?.elsewhere === undefined) {
      return true;
    }
    const where = `${target.environment} is deployed to ${application.elsewhere}, which is another cluster`;
    if (names.includes(target.environment)) {
      throw new CannotRun(`${where}: audit that one with --context.`);
    }
    progress(`${where}: what Argo CD says of it is told`);
    return false;
  });
}

function isApplication({ namespace, name }: ObjectId, inGit: RenderedObject): boolean {
  return name === inGit.id.name && namespace === (inGit.id.namespace || argocdNamespace);
}

function environmentDeployedBy(deployed: Deployed[], id: ObjectId): string {
  return deployed.find(({ inGit }) => isApplication(id, inGit))?.render.target.environment ?? '';
}

/** The namespaces of an environment: those that its render has objects in. */
function namespacesOf({ render, application }: Deployed): string[] {
  const named = render.objects.map(({ id }) => (id.kind === 'Namespace' ? id.name : id.namespace));
  return [...new Set([...named, application?.namespace ?? ''])].filter((name) => name !== '');
}

async function liveEnvironments(
  kubectl: Kubectl,
  deployed: Deployed[],
  live: LiveObjects,
): Promise<LiveEnvironment[]> {
  const environments: LiveEnvironment[] = [];
  for (const one of deployed) {
    const { application, render } = one;
    if (application === undefined) {
      continue;
    }
    const namespaces = namespacesOf(one);
    const objects: JsonMap[] = [];
    for (const namespace of namespaces) {
      objects.push(...(await manifestsOf(kubectl, namespace, live)));
    }
    const clusterWide = [
      ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
      ...application.resources.filter((one) => idOf(one).namespace === '' && one.kind !== 'Namespace'),
    ];
    const found = await liveObjects(kubectl, clusterWide, application.namespace);
    objects.push(...found.filter((one) => one !== undefined));
    environments.push({ target: render.target, application: application.name, objects });
  }
  return environments;
}

/** What nobody owns, and not only for the moment in which something is made or taken away. */
async function unownedFor(
  kubectl: Kubectl,
  { outsideGit }: GitState,
  { applications, live }: { applications: JsonMap[]; live: LiveObjects },
  settle: number,
): Promise<Unowned[]> {
  const claims = (all: JsonMap[]) => ({
    byApplications: claimedBy(all.filter((one) => liveApplication(one).elsewhere === undefined)),
    outsideGit,
  });
  const found = unowned(live, claims(applications));
  if (found.length === 0) {
    return [];
  }
  await sleep(settle);
  const later = unowned(await readLive(kubectl), claims(await readApplications(kubectl)));
  const still = new Set(later.map(({ object }) => object.uid));
  return found.filter(({ object }) => still.has(object.uid));
}

function unownedFinding({ object, gone }: Unowned, environmentOf: Map<string, string>): AuditFinding {
  const { id, managers, created, role, subjects } = object;
  const why = gone === undefined ? 'nobody owns it' : `what made it, ${gone.kind} ${gone.name}, is gone`;
  const given = subjects.map(({ kind, namespace, name }) =>
    [kind, namespace === '' ? name : `${namespace}/${name}`].join(' '),
  );
  const gives =
    role === 'cluster-admin' ? `, and it gives cluster-admin to ${given.join(', ') || 'nobody'}` : '';
  const by = managers.length === 0 ? '' : ` by ${managers.join(' and ')}`;
  return {
    kind: 'unowned',
    rule: 'unowned-object',
    severity: 'warning',
    environment: environmentOf.get(id.kind === 'Namespace' ? id.name : id.namespace) ?? '',
    object: id,
    message: `${why}${gives}; made${by} on ${created}`,
  };
}

function unreadFinding(line: string): AuditFinding {
  return {
    kind: 'unowned',
    rule: 'not-compared',
    severity: 'error',
    environment: '',
    object: noObject,
    message: `not everything could be listed: ${line}`,
  };
}

function goneFinding(name: string, environment: string): AuditFinding {
  return {
    kind: 'drift',
    rule: 'drift',
    severity: 'error',
    environment,
    object: { kind: 'Application', namespace: argocdNamespace, name },
    message: `the cluster has it and all that it deploys, and Git has ${environment} no longer`,
  };
}

/** Of an object that two look at, what the first says. */
function withoutTwins(findings: AuditFinding[]): AuditFinding[] {
  const key = ({ rule, object }: AuditFinding) => JSON.stringify([rule, object]);
  const first = new Map(findings.toReversed().map((finding) => [key(finding), finding]));
  return findings.filter((finding) => first.get(key(finding)) === finding);
}

import { isMap, type Json, type JsonMap, maps, type RenderedObject, text, valueAt } from '../check/model.ts';
import type { Render } from '../check/render.ts';
import { CannotRun } from '../cli.ts';
import { shortText } from '../diff/formats/lines.ts';
import { argocdNamespace, type LiveApplication } from '../diff/live/applications.ts';
import { idOf } from '../diff/live/cluster.ts';
import { environmentCompared, liveCompared } from '../diff/live/live.ts';
import type { FieldDifference, ObjectDifference } from '../diff/model.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import type { AuditFinding } from './model.ts';

/** An environment of Git: its render, the Application that Git has for it, and that one as the cluster has it. */
export type Deployed = { render: Render; inGit: RenderedObject; application: LiveApplication | undefined };

/** What of an environment is not in the cluster as Git says it. @throws {KubectlError} */
export async function environmentDrift(
  kubectl: Kubectl,
  root: string,
  { render, inGit, application }: Deployed,
  progress: (line: string) => void,
): Promise<AuditFinding[]> {
  const { target, objects, error } = render;
  const { environment, role } = target;
  const object = { ...inGit.id, namespace: inGit.id.namespace || argocdNamespace };
  const notCompared = (why: string): AuditFinding[] => [
    { kind: 'drift', rule: 'not-compared', severity: 'error', environment, object, message: why },
  ];
  if (application === undefined) {
    const message = `Git has it, the cluster does not: ${environment} is not deployed`;
    return [{ kind: 'drift', rule: 'drift', severity: 'error', environment, object, message }];
  }
  if (error !== undefined) {
    return notCompared(`${environment} does not render: ${error.replaceAll(`${root}/`, '')}`);
  }
  try {
    const part = { name: environment, role, target, objects };
    const { parts } = liveCompared(
      [await environmentCompared(root, part, application, kubectl, progress)],
      [],
    );
    return parts.flatMap((part) => part.objects.map((one) => objectDrift(one, environment)));
  } catch (error) {
    if (error instanceof CannotRun) {
      return notCompared(error.message);
    }
    throw error;
  }
}

/** What differs in an object. The values of Secrets are concealed already. */
function objectDrift(difference: ObjectDifference, environment: string): AuditFinding {
  const { kind, namespace, name, state, fields, notes } = difference;
  const refused = notes.find(({ rule }) => rule === 'refused');
  const [first] = fields;
  const more = fields.length > 1 ? `, and ${fields.length - 1} more fields` : '';
  const words = {
    added: 'Git has it, the cluster does not',
    removed: 'the cluster has it, and Git has it no longer',
    changed: first === undefined ? 'it is not as Git has it' : `${fieldWords(first)}${more}`,
  };
  return {
    kind: 'drift',
    rule: 'drift',
    severity: 'error',
    environment,
    object: { kind, namespace, name },
    message: refused === undefined ? words[state] : `the cluster refuses what Git has: ${refused.message}`,
    ...(fields.length > 0 && {
      fields: fields.map(({ path, was, is }) => ({
        path,
        ...(was !== undefined && { cluster: was }),
        ...(is !== undefined && { git: is }),
      })),
    }),
  };
}

function fieldWords({ path, was, is, order }: FieldDifference): string {
  if (order !== undefined) {
    return `${path} has another order than in Git`;
  }
  const said = (value: Json | undefined) => (value === undefined ? 'not there' : shortText(value));
  const [live, inGit] = [said(was), said(is)];
  return live === undefined || inGit === undefined
    ? `${path} is not what Git has`
    : `${path} is ${live} in the cluster, ${inGit} in Git`;
}

/** The conditions by which Argo CD says that it cannot tell what an Application should be. */
const failures = ['ComparisonError', 'InvalidSpecError', 'UnknownError'];

/**
 * What Argo CD itself says of Applications: those that it cannot compare, and of those that are no environment here
 * the objects that it calls OutOfSync.
 * @param environmentOf the environment that an Application deploys to this cluster, '' for another Application
 */
export function applicationDrift(
  applications: JsonMap[],
  environmentOf: (application: JsonMap) => string,
): AuditFinding[] {
  return applications.flatMap((application) => {
    const environment = environmentOf(application);
    const { name } = idOf(application);
    const conditions = maps(valueAt(application, ['status', 'conditions']))
      .filter(({ type }) => failures.includes(text(type)))
      .map(({ type, message }) => `${text(type)}: ${text(message)}`);
    const sync = text(valueAt(application, ['status', 'sync', 'status']));
    const isUnknown = sync !== 'Synced' && sync !== 'OutOfSync';
    const reasons =
      conditions.length === 0 && isUnknown ? ['Argo CD has not compared it with Git'] : conditions;
    const others = environment === '' ? maps(valueAt(application, ['status', 'resources'])) : [];
    return [
      ...reasons.map(
        (message): AuditFinding => ({
          kind: 'drift',
          rule: 'not-compared',
          severity: 'error',
          environment,
          object: idOf(application),
          message,
        }),
      ),
      ...others
        .filter(({ status }) => status === 'OutOfSync')
        .map((resource): AuditFinding => {
          const object = {
            kind: text(resource.kind),
            namespace: text(resource.namespace),
            name: text(resource.name),
          };
          return {
            kind: 'drift',
            rule: 'drift',
            severity: 'error',
            environment,
            object,
            message: outOfSync(resource, name),
          };
        }),
    ];
  });
}

function outOfSync({ health, requiresPruning }: JsonMap, application: string): string {
  const isMissing = isMap(health) && health.status === 'Missing';
  const what = isMissing
    ? 'Git has it, the cluster does not'
    : requiresPruning === true
      ? 'the cluster has it, and Git has it no longer'
      : 'it is not as Git has it';
  return `${what}, says Argo CD's Application ${application}`;
}

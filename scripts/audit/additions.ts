import { isMap, type Json, type JsonMap, maps, type RenderedObject, valueAt } from '../check/model.ts';
import { pathText, type Step } from '../diff/fields.ts';
import { count } from '../diff/formats/lines.ts';
import { align } from '../diff/list-alignment.ts';
import { liveApplication } from '../diff/live/applications.ts';
import { idOf, liveObjects } from '../diff/live/cluster.ts';
import { argocdManager, type OwnedField, ownedFields, ownersOf } from '../diff/live/managed-fields.ts';
import { type IgnoreDifference, normalForm } from '../diff/live/normal-form.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import type { GitState } from './git.ts';
import { groupOf, kindKey } from './live-objects.ts';
import type { AuditFinding } from './model.ts';

/** What a controller writes into objects that Git has. What says no manager or subresource is anybody's. */
type Known = { kinds: string[]; path: RegExp; manager?: string; subresource?: string };

/** Seen on a cluster that is as Git says, but for what is only there for a moment. */
const known: Known[] = [
  {
    kinds: ['apps/Deployment'],
    manager: 'kube-controller-manager',
    path: /^metadata\.annotations\["deployment\.kubernetes\.io\/revision"\]$/,
  },
  // A HorizontalPodAutoscaler's.
  {
    kinds: ['apps/Deployment', 'apps/StatefulSet'],
    manager: 'kube-controller-manager',
    subresource: 'scale',
    path: /^spec\.replicas$/,
  },
  {
    kinds: ['/PersistentVolumeClaim'],
    manager: 'kube-controller-manager',
    path: /^(spec\.volumeName|metadata\.annotations\["(pv\.kubernetes\.io\/(bind-completed|bound-by-controller)|volume\.(beta\.)?kubernetes\.io\/storage-provisioner)"\])$/,
  },
  {
    kinds: ['/PersistentVolumeClaim'],
    manager: 'kube-scheduler',
    path: /^metadata\.annotations\["volume\.kubernetes\.io\/selected-node"\]$/,
  },
  // The API server's, for whoever made the namespace: no other value stays.
  {
    kinds: ['/Namespace'],
    path: /^(metadata\.labels\["kubernetes\.io\/metadata\.name"\]|spec\.finalizers)$/,
  },
  // CloudNativePG's operator calls itself so.
  {
    kinds: [
      'admissionregistration.k8s.io/MutatingWebhookConfiguration',
      'admissionregistration.k8s.io/ValidatingWebhookConfiguration',
    ],
    manager: 'manager',
    path: /^webhooks\[[^\]]+\]\.clientConfig\.caBundle$/,
  },
  // Questions to Argo CD, which takes them away when it has answered.
  {
    kinds: ['argoproj.io/Application'],
    path: /^(operation(\..*)?|metadata\.annotations\["argocd\.argoproj\.io\/(refresh|hydrate)"\])$/,
  },
  {
    kinds: ['argoproj.io/Application'],
    manager: 'argocd-notifications-controller',
    path: /^metadata\.annotations\["notified\.notifications\.argoproj\.io"\]$/,
  },
];

/**
 * What somebody added to objects that an Application lists: fields that Git does not say and their managedFields give to
 * another manager than Argo CD. Neither Argo CD nor a dry run compares those. A finding has the paths, and no values.
 * @param environment the one that the Application deploys, '' for none
 * @throws {KubectlError} when the cluster does not answer
 */
export async function additions(
  kubectl: Kubectl,
  { renders }: Pick<GitState, 'renders'>,
  application: JsonMap,
  environment: string,
): Promise<AuditFinding[]> {
  const { name, namespace, elsewhere, resources, ignoreDifferences } = liveApplication(application);
  if (elsewhere !== undefined) {
    return [];
  }
  const rendered = new Map(
    renders.flatMap(({ objects }) => objects.map((object) => [keyOf(object.value, ''), object])),
  );
  const live = await liveObjects(kubectl, resources, namespace);
  return live
    .filter((one) => one !== undefined)
    .flatMap((one) => {
      if (maps(valueAt(one, ['metadata', 'managedFields'])).length === 0) {
        return [unknownFinding(one, environment)];
      }
      const inGit = rendered.get(keyOf(one, '')) ?? rendered.get(keyOf(one, namespace));
      const added = addedFields(one, inGit, name, ignoreDifferences);
      const byManager = Map.groupBy(added, ({ manager }) => manager);
      return [...byManager].map(([manager, fields]) => finding(one, environment, manager, fields));
    });
}

/** What Git has may leave away the namespace that its Application gives it. */
function keyOf(object: JsonMap, defaulted: string): string {
  const { kind, namespace, name } = idOf(object);
  const within = namespace === defaulted ? '' : namespace;
  return [groupOf(String(object.apiVersion)), kind, within, name].join('\0');
}

function finding(
  object: JsonMap,
  environment: string,
  manager: string,
  fields: { path: Step[] }[],
): AuditFinding {
  const paths = [...new Set(fields.map(({ path }) => pathText(path)))];
  const more = paths.length > 1 ? `, and ${count(paths.length - 1, 'more field')}` : '';
  return {
    kind: 'drift',
    rule: 'added',
    severity: 'error',
    environment,
    object: idOf(object),
    message: `${paths[0]} is not in Git; added by ${manager || 'somebody'}${more}`,
    fields: paths.map((path) => ({ path })),
  };
}

function unknownFinding(object: JsonMap, environment: string): AuditFinding {
  return {
    kind: 'drift',
    rule: 'not-compared',
    severity: 'error',
    environment,
    object: idOf(object),
    message: 'its managedFields are gone, so what was added to it cannot be told',
  };
}

/** The outermost fields that Git does not say, each with who added it. */
function addedFields(
  live: JsonMap,
  inGit: RenderedObject | undefined,
  application: string,
  ignored: IgnoreDifference[],
): { manager: string; path: Step[] }[] {
  const normal = normalForm(live, application, ignored);
  const managedFields = maps(valueAt(live, ['metadata', 'managedFields']));
  const owned = (entries: JsonMap[]): JsonMap => ({
    ...normal,
    metadata: { ...(isMap(normal.metadata) && normal.metadata), managedFields: entries },
  });
  const object = owned(managedFields);
  const applied = owned(managedFields.filter(isArgocds));
  const kind = kindKey(groupOf(String(live.apiVersion)), String(live.kind));
  return ownedFields(object)
    .filter((field) => !isArgocds(field) && !isKnown(kind, field))
    .flatMap(({ manager, path }) => {
      const least = path[0] === 'metadata' ? 3 : 2;
      const lengths = Array.from({ length: path.length + 1 }, (_, length) => length).slice(least);
      const prefixes = (lengths.length === 0 ? [path.length] : lengths).map((length) =>
        path.slice(0, length),
      );
      const first = prefixes.find(
        (prefix) => ownersOf(applied, prefix).length === 0 && !isSaid(inGit?.value ?? null, object, prefix),
      );
      return first === undefined ? [] : [{ manager, path: first }];
    });
}

/** Argo CD applies on the server; a patch under its name is somebody else's. */
function isArgocds({ manager, operation }: JsonMap | OwnedField): boolean {
  return manager === argocdManager && operation === 'Apply';
}

function isKnown(kind: string, { manager, subresource, path }: OwnedField): boolean {
  const said = pathText(path);
  return known.some(
    (one) =>
      one.kinds.includes(kind) &&
      one.path.test(said) &&
      (one.manager ?? manager) === manager &&
      (one.subresource ?? subresource) === subresource,
  );
}

/** Whether a manifest has a field of the live object, whoever owns it by now. */
function isSaid(manifest: Json, live: Json, [step, ...rest]: Step[]): boolean {
  if (step === undefined) {
    return true;
  }
  if (typeof step === 'string') {
    const inner = isMap(manifest) ? manifest[step] : undefined;
    const next = isMap(live) ? live[step] : undefined;
    return inner !== undefined && isSaidWithin(inner, next ?? null, step, rest);
  }
  return false;
}

/** A list's elements are found by what they are called in it. */
function isSaidWithin(manifest: Json, live: Json, field: string, path: Step[]): boolean {
  const [step, ...rest] = path;
  if (typeof step !== 'object' || !Array.isArray(manifest) || !Array.isArray(live)) {
    return isSaid(manifest, live, path);
  }
  const pair = align(manifest, live, field).pairs.find(([, at]) => at === step.at);
  return pair !== undefined && isSaid(manifest[pair[0]] ?? null, live[step.at] ?? null, rest);
}

import { outsideName } from '../check/graph/outside.ts';
import { type JsonMap, maps, type ObjectId, text, valueAt } from '../check/model.ts';
import { isKubernetesNamespace, isKubernetesOwn } from './kubernetes-own.ts';
import { kindKey, type LiveObject, type LiveObjects } from './live-objects.ts';

/** What is known of whose objects are, besides what they say themselves. */
export type Claims = {
  /** What Applications deployed to this cluster, by `objectKey`. */
  byApplications: Set<string>;
  /** What Git declares to be outside it, by `outsideName`. */
  outsideGit: Set<string>;
};

/** An object that nobody owns: what made it is gone, or nothing is known to have made it. */
export type Unowned = { object: LiveObject; gone?: ObjectId };

/** One name for an object of a cluster. */
function objectKey(group: string, { kind, namespace, name }: ObjectId): string {
  return [group, kind, namespace, name].join('\0');
}

/** What the live Applications deployed here, hooks included. */
export function claimedBy(applications: JsonMap[]): Set<string> {
  return new Set(
    applications
      .flatMap((application) => maps(valueAt(application, ['status', 'resources'])))
      .map(({ group, kind, namespace, name }) =>
        objectKey(text(group), { kind: text(kind), namespace: text(namespace), name: text(name) }),
      ),
  );
}

/**
 * The objects outside Kubernetes' own namespaces that no Application lists, nothing that is there made, `npm start` did
 * not apply, Git does not declare, and neither Kubernetes nor a controller that is known keeps by itself. What gives
 * cluster-admin is one wherever it is, unless an Application lists it, Git declares it, or it is Kubernetes' own.
 */
export function unowned({ objects, listed }: LiveObjects, claims: Claims): Unowned[] {
  const known = knowledgeOf(objects);
  return objects.flatMap((object): Unowned[] => {
    const { group, id, owners, managers } = object;
    if (
      claims.byApplications.has(objectKey(group, id)) ||
      claims.outsideGit.has(outsideName(id.kind, id.namespace, id.name))
    ) {
      return [];
    }
    // Whoever may give that can also write any manager, owner or label.
    if (isBinding(object) && object.role === 'cluster-admin') {
      return isKubernetesOwn(object) ? [] : [{ object }];
    }
    if (
      isKubernetesNamespace(id.namespace) ||
      managers.includes('quotes') ||
      // A kind that was not listed cannot be missed.
      owners.some(({ uid, ...owner }) => known.uids.has(uid) || !listed.has(kindKey(owner.group, owner.kind)))
    ) {
      return [];
    }
    const [gone] = owners;
    if (gone !== undefined) {
      return [{ object, gone: { kind: gone.kind, namespace: id.namespace, name: gone.name } }];
    }
    return isKubernetesOwn(object) || isOfController(object, known) ? [] : [{ object }];
  });
}

function isBinding({ group, id: { kind } }: LiveObject): boolean {
  return group === 'rbac.authorization.k8s.io' && /^(Cluster)?RoleBinding$/.test(kind);
}

/** What the objects are looked up by. */
type Knowledge = {
  uids: Set<string>;
  /** `namespace/name` of StatefulSets: their claims have no owner. */
  statefulSets: Set<string>;
  /** The namespaces that have a Cluster of CloudNativePG, and those that have an Application. */
  databases: Set<string>;
  argocd: Set<string>;
};

function knowledgeOf(objects: LiveObject[]): Knowledge {
  const of = (group: string, kind: string) =>
    objects.filter((object) => object.group === group && object.id.kind === kind).map(({ id }) => id);
  return {
    uids: new Set(objects.map(({ uid }) => uid)),
    statefulSets: new Set(of('apps', 'StatefulSet').map(({ namespace, name }) => `${namespace}/${name}`)),
    databases: new Set(of('postgresql.cnpg.io', 'Cluster').map(({ namespace }) => namespace)),
    argocd: new Set(of('argoproj.io', 'Application').map(({ namespace }) => namespace)),
  };
}

/** What controllers make without an owner reference: each by what it goes by itself. */
function isOfController({ group, id, claim }: LiveObject, known: Knowledge): boolean {
  const { namespace, name } = id;
  switch (kindKey(group, id.kind)) {
    // A volume is its claim's, and one that was kept when its claim went is nobody's.
    case '/PersistentVolume':
      return known.uids.has(claim);
    case '/PersistentVolumeClaim':
      return setsOfClaim(name).some((set) => known.statefulSets.has(`${namespace}/${set}`));
    case '/Secret':
      return known.argocd.has(namespace) && name === 'argocd-redis';
    // The queries that all Clusters of a namespace share.
    case '/ConfigMap':
      return name === 'cnpg-default-monitoring' && known.databases.has(namespace);
    default:
      return false;
  }
}

/** The StatefulSets that a claim's name fits: template, set and number, joined by dashes. */
function setsOfClaim(claim: string): string[] {
  const [, name = ''] = /^(.+)-\d+$/.exec(claim) ?? [];
  const words = name.split('-');
  return words.slice(1).map((_, at) => words.slice(at + 1).join('-'));
}

/** An object as far as it says what made it. */
export type Descendant = Pick<LiveObject, 'id' | 'uid' | 'owners'>;

/** An object's topmost owner that is there, in its namespace or of no namespace; itself where it has none. */
export function topmostOwner(object: Descendant, byUid: Map<string, Descendant>): Descendant {
  const seen = new Set<Descendant>();
  let current = object;
  while (!seen.has(current)) {
    seen.add(current);
    const { id, owners } = current;
    const there = owners.flatMap((owner) => {
      const found = byUid.get(owner.uid);
      return found !== undefined && found.id.namespace === id.namespace ? [{ owner, found }] : [];
    });
    current = (there.find(({ owner }) => owner.controller) ?? there[0])?.found ?? current;
  }
  return current;
}

import { Quantity } from '../admission/quantity.ts';
import { syncOptions } from '../graph/sync.ts';
import type { ObjectId, RenderedObject, Violation } from '../model.ts';
import type { Was } from './before.ts';
import { type Holding, type Holdings, keyOf, objectStore } from './holdings.ts';

/** What a change does to data; its place is a field that there is now, or where the object was. */
export type Impact = {
  id: ObjectId;
  environment: string;
  message: string;
  at: Was | Omit<Violation, 'message'>;
};

type Now = { object: RenderedObject };

/** What a change takes away, lets go of, or makes easier to take away. */
export function impactsOf(before: Holdings<Was>, now: Holdings<Now>): Impact[] {
  const applications = new Set(now.owners.map(({ id }) => keyOf(id)));
  return [
    ...before.objects.flatMap((then) => {
      const there = survivor(then, now.objects, applications.has(then.application));
      return there === undefined ? gone(then, now) : weakened(then, there);
    }),
    ...before.owners.flatMap((then): Impact[] => {
      const there = now.owners.find(({ id }) => keyOf(id) === keyOf(then.id));
      const { id, environment, holds } = then;
      if (there === undefined) {
        const { place, line } = then;
        return [{ id, environment, at: { place, line }, message: goneOwner(then) }];
      }
      const at = { object: there.object, path: ['metadata', 'finalizers', there.finalizer] };
      const message = `deleting it deletes from now on what it deploys: ${holds}`;
      return then.finalizer < 0 && there.finalizer >= 0 ? [{ id, environment, at, message }] : [];
    }),
  ];
}

/**
 * The same object now. As long as its Application is there, what counts is what Applications deploy to the cluster;
 * without it, which has its own finding, it is enough that the object is somewhere.
 */
function survivor(
  then: Holding,
  objects: (Holding & Now)[],
  isDeployed: boolean,
): (Holding & Now) | undefined {
  return objects.find(
    (there) =>
      there.kind === then.kind &&
      keyOf(there.id) === keyOf(then.id) &&
      (!isDeployed || (there.application !== '' && there.cluster === then.cluster)),
  );
}

function gone(then: Holding & Was, now: Holdings<Now>): Impact[] {
  const { id, kind, environment, application, cluster, kept, place, line } = then;
  const fate = fateOf(kind, kept.includes('Prune'));
  const begins = kind === objectStore ? 'is made anew' : 'begins empty';
  const found = (message: string, at: Impact['at']): Impact[] => [{ id, environment, message, at }];
  const owner = now.owners.find((one) => keyOf(one.id) === application);
  const elsewhere = now.objects.find(
    (there) =>
      there.kind === kind &&
      there.id.name === id.name &&
      there.application === application &&
      there.cluster !== cluster,
  );
  if (elsewhere !== undefined && owner !== undefined) {
    return found(
      `${owner.id.name} is deployed to ${elsewhere.cluster} now, where this ${begins}; what ${cluster} has stays there, and nothing looks after it any longer`,
      { object: owner.object, path: ['spec', 'destination', 'server'] },
    );
  }
  const moved = now.objects.find(
    (there) =>
      there.kind === kind &&
      there.id.name === id.name &&
      there.id.namespace !== id.namespace &&
      (there.application === application || there.environment === environment),
  );
  return moved === undefined
    ? found(`this is in Git no more: ${fate}`, { place, line })
    : found(
        `this is in namespace ${moved.id.namespace} now and ${begins} there; of the one in ${id.namespace}: ${fate}`,
        {
          object: moved.object,
          path: ['metadata', 'namespace'],
        },
      );
}

/** What becomes of an object that is in Git no more. */
export function fateOf(kind: string, isKept: boolean): string {
  return isKept
    ? 'Argo CD leaves it where it is, and nothing looks after it any longer'
    : `Argo CD deletes it, ${goesWith(kind)}`;
}

/** What goes with an object that is deleted: not the backups that a store leads to. */
function goesWith(kind: string): string {
  if (kind === 'Namespace') {
    return 'and everything in it';
  }
  if (kind === 'apps/StatefulSet') {
    return 'and nothing uses its claims any longer, which stay unless persistentVolumeClaimRetentionPolicy says Delete';
  }
  return kind === objectStore ? 'and nothing leads to its backups any longer' : 'and its data with it';
}

function goneOwner({ id, holds, finalizer }: Holdings<Was>['owners'][number]): string {
  if (id.kind === 'AppProject') {
    return `this is in Git no more, and without it nothing is synced or cleanly deleted that is of it: ${holds}`;
  }
  return finalizer < 0
    ? `this is in Git no more, and nothing looks after what it deployed: ${holds}`
    : `this is in Git no more, and its finalizer deletes what it deployed: ${holds}`;
}

function weakened(then: Holding, there: Holding & Now): Impact[] {
  const { id, environment } = there;
  const { object } = there;
  const released = then.kept
    .filter((option) => !there.kept.includes(option))
    .map((option): Impact => {
      const when = option === 'Prune' ? 'when Git says it no more' : 'with its Application';
      const message = `${option}=false is taken away: Argo CD deletes it ${when}, ${goesWith(there.kind)}`;
      return { id, environment, message, at: { object, path: ['metadata', 'annotations', syncOptions] } };
    });
  const smaller = then.storage.flatMap(({ name, amount, path }): Impact[] => {
    const now = there.storage.find((storage) => storage.name === name);
    const what = name === '' ? 'it' : name;
    const at = { object, path: now?.path ?? path };
    if (now === undefined) {
      const message = `${what}, which asked for ${amount}, is taken away: it must be made anew without that volume`;
      return [{ id, environment, message, at }];
    }
    const message = `${what} asks for ${now.amount} instead of ${amount}: no volume shrinks, and one made anew is empty`;
    return isLess(now.amount, amount) ? [{ id, environment, message, at }] : [];
  });
  return [...released, ...smaller];
}

/** Whether one amount is less than another; not where either is none. */
function isLess(one: string, other: string): boolean {
  const [left, right] = [Quantity.parse(one), Quantity.parse(other)];
  return left !== undefined && right !== undefined && left.compareTo(right) < 0n;
}

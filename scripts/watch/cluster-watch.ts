import { setTimeout as sleep } from 'node:timers/promises';
import { Watch } from '@kubernetes/client-node';
import { isMap, type JsonMap, maps, text, valueAt } from '../check/model.ts';
import { type Api, ApiError } from './api.ts';
import { keyOf, pathOf, type Resource } from './resources.ts';

/** What happened to an object: it is there, as it is now, or there no longer. */
export type Sight = { object: JsonMap; gone: boolean };

type Watched = {
  resource: Resource;
  /** By namespace and name. */
  objects: Map<string, JsonMap>;
  /** Why it cannot be read now. */
  problem?: Problem;
};

/** `away`: the API server, and so everything; else this kind alone. */
type Problem = { away: boolean; words: string };

/** How long a resource that cannot be read is left before it is asked for again: at first, and at most. */
const [shortest, longest] = [500, 5000];
/** How many objects are asked for at once. */
const page = 500;

/** The objects of a cluster, kept up to date by watches. */
export class ClusterWatch {
  readonly #api: Api;
  readonly #watched = new Map<string, Watched>();
  readonly #onSight: (sight: Sight) => void;
  readonly #onChange: () => void;
  readonly #stopped = new AbortController();

  /**
   * @param onSight told of every object that is seen, changed or gone
   * @param onChange told, after it, that anything has changed, and of what can be read or no longer
   */
  constructor(api: Api, onSight: (sight: Sight) => void, onChange: () => void) {
    this.#api = api;
    this.#onSight = onSight;
    this.#onChange = onChange;
  }

  /** Watches a resource from now on; once is enough. Resolves when its objects are there, or it is known why not. */
  async add(resource: Resource): Promise<void> {
    const key = keyOf(resource);
    if (!this.#watched.has(key)) {
      const watched: Watched = { resource, objects: new Map(), problem: notYet };
      this.#watched.set(key, watched);
      const { promise, resolve } = Promise.withResolvers<void>();
      void this.#follow(watched, resolve);
      await promise;
    }
  }

  /** The objects of a resource that is watched; none of one that is not. */
  list<T>(resource: Resource): readonly T[] {
    return [...(this.#watched.get(keyOf(resource))?.objects.values() ?? [])] as readonly unknown[] as T[];
  }

  /** What cannot be read now, and why, in plain words; what the page is whole without is left out. */
  problems(): string[] {
    const all = this.#problems();
    const away = all.find(({ problem }) => problem.away);
    return away === undefined
      ? all.filter(({ resource }) => resource.optional !== true).map(inWords)
      : [`The API server does not answer: ${away.problem.words}`];
  }

  /** Kinds that the page does without, as they cannot be read. */
  unseen(): string[] {
    return this.#problems()
      .filter(({ resource, problem }) => resource.optional === true && !problem.away)
      .map(inWords);
  }

  #problems() {
    return [...this.#watched.values()].flatMap(({ resource, problem }) =>
      problem === undefined ? [] : [{ resource, problem }],
    );
  }

  /** How many objects are known. */
  get size(): number {
    return this.#watched.values().reduce((sum, { objects }) => sum + objects.size, 0);
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Lists, and then watches from there; begins anew where either ends in an error. */
  async #follow(watched: Watched, isKnown: () => void): Promise<void> {
    let pause = shortest;
    while (!this.#stopped.signal.aborted) {
      try {
        let version = await this.#list(watched);
        delete watched.problem;
        pause = shortest;
        isKnown();
        this.#onChange();
        while (!this.#stopped.signal.aborted) {
          version = await this.#watch(watched, version);
        }
      } catch (error) {
        watched.problem = problemOf(error);
        isKnown();
        this.#onChange();
        await sleep(pause, undefined, { ref: false });
        pause = Math.min(2 * pause, longest);
      }
    }
  }

  async #list({ resource, objects }: Watched): Promise<string> {
    const seen = new Set<string>();
    let more = '';
    for (;;) {
      const query = new URLSearchParams({ ...selectors(resource), limit: String(page), continue: more });
      const list = await this.#api.json<JsonMap>(`${pathOf(resource)}?${query}`);
      for (const item of maps(list.items)) {
        seen.add(nameOf(item));
        this.#see(resource, objects, item);
      }
      more = text(valueAt(list, ['metadata', 'continue']));
      if (more === '') {
        for (const [name, object] of objects) {
          if (!seen.has(name)) {
            objects.delete(name);
            this.#onSight({ object, gone: true });
          }
        }
        return text(valueAt(list, ['metadata', 'resourceVersion']));
      }
    }
  }

  /** Watches until the connection ends; the version to go on from. */
  async #watch({ resource, objects }: Watched, from: string): Promise<string> {
    let version = from;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const query = { ...selectors(resource), resourceVersion: from, allowWatchBookmarks: true };
    const event = (type: string, object: unknown) => {
      if (!isMap(object as JsonMap)) {
        return;
      }
      const value = object as JsonMap;
      if (type === 'ERROR') {
        // Mostly 410: so old a version is not known any more.
        reject(new ApiError(text(value.message), Number(value.code)));
        return;
      }
      version = text(valueAt(value, ['metadata', 'resourceVersion']));
      if (type === 'DELETED') {
        objects.delete(nameOf(value));
        this.#onSight({ object: { ...value, ...typeOf(resource) }, gone: true });
        this.#onChange();
      } else if (type !== 'BOOKMARK') {
        this.#see(resource, objects, value);
        this.#onChange();
      }
    };
    const request = await new Watch(this.#api.config).watch(
      pathOf(resource),
      query,
      event,
      (error: unknown) => {
        // It gives a quiet watch up by itself, after half a minute.
        if (error instanceof Error && error.name !== 'TimeoutError') {
          reject(error);
        } else {
          resolve(version);
        }
      },
    );
    const stop = () => request.abort();
    this.#stopped.signal.addEventListener('abort', stop, { once: true });
    try {
      return await promise;
    } finally {
      this.#stopped.signal.removeEventListener('abort', stop);
      request.abort();
    }
  }

  #see(resource: Resource, objects: Map<string, JsonMap>, value: JsonMap): void {
    // A list leaves out what each of its objects is.
    const object = { ...value, ...typeOf(resource) };
    objects.set(nameOf(object), object);
    this.#onSight({ object, gone: false });
  }
}

function typeOf({ apiVersion, kind }: Resource) {
  return { apiVersion, kind };
}

function selectors({ labels, fields }: Resource): Record<string, string> {
  return {
    ...(labels !== undefined && { labelSelector: labels }),
    ...(fields !== undefined && { fieldSelector: fields }),
  };
}

function nameOf(object: JsonMap): string {
  return `${text(valueAt(object, ['metadata', 'namespace']))}/${text(valueAt(object, ['metadata', 'name']))}`;
}

const notYet: Problem = { away: false, words: 'not read yet' };

function inWords({ resource, problem }: { resource: Resource; problem: Problem }): string {
  return `${resource.plural}: ${problem.words}`;
}

function problemOf(error: unknown): Problem {
  const status = error instanceof ApiError ? error.status : (error as { statusCode?: number }).statusCode;
  if (status === 401 || status === 403) {
    return { away: false, words: 'the page may not read them' };
  }
  if (status === 404) {
    return { away: false, words: 'this cluster has no such kind' };
  }
  return { away: true, words: error instanceof Error ? error.message : String(error) };
}

import { text, valueAt } from '../check/model.ts';
import { idOf } from '../diff/live/cluster.ts';
import type { Sight } from '../watch/cluster-watch.ts';

/** What changes by itself all the time, and is no change of what somebody wants. */
const restless = ['Application', 'Event', 'HorizontalPodAutoscaler', 'Pod'];

/** Tells the changes that an audit may find from what a cluster does all day. */
export class Changes {
  readonly #generations = new Map<string, number>();

  /** Whether somebody made, changed or deleted an object; what only reports its status did not change. */
  isChange({ object, gone }: Sight): boolean {
    const id = idOf(object);
    if (restless.includes(id.kind)) {
      return false;
    }
    const key = JSON.stringify([text(object.apiVersion), id]);
    const generation = Number(valueAt(object, ['metadata', 'generation']) ?? Number.NaN);
    const last = this.#generations.get(key);
    if (gone) {
      this.#generations.delete(key);
      return true;
    }
    if (Number.isNaN(generation)) {
      return true;
    }
    this.#generations.set(key, generation);
    return last !== generation;
  }
}

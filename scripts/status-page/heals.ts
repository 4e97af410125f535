import { type Json, type JsonMap, type ObjectId, text, valueAt } from '../check/model.ts';
import { type Change, fieldChanges, pathText } from '../diff/fields.ts';
import { idOf } from '../diff/live/cluster.ts';
import { argocdManager, lastWriter, ownersOf } from '../diff/live/managed-fields.ts';
import { normalForm, tracking } from '../diff/live/normal-form.ts';
import { type Environment, environments } from '../environment.ts';
import type { Sight } from '../watch/cluster-watch.ts';

/** A field that had drifted: what Git says, and what it had become. Absent where it was not there. */
export interface DriftedField {
  path: string;
  wanted?: Json;
  drifted?: Json;
}

/** What somebody changed or deleted by hand, and Argo CD put back. Times are ISO 8601. */
export interface Heal {
  environment: Environment;
  object: ObjectId;
  /** None where the whole object was deleted. */
  fields: DriftedField[];
  /** Who changed it, as the API server knows it; '' where that is not known. */
  by: string;
  drifted: string;
  healed: string;
}

type OpenField = { change: Change; by: string; at: Date };

/** What is known of an object that an Application of an environment deploys. */
type Known = { object: JsonMap; open: Map<string, OpenField> };

/** How long an object that is gone may still be put back, in milliseconds; one that Git removed never is. */
const memory = 600_000;

/**
 * Follows the objects that the environments' Applications deploy. A field that Argo CD had applied, and that another
 * changed, has drifted; it is healed when Argo CD applies the value of before again. Where Argo CD gives it another one,
 * Git had changed meanwhile.
 */
export class HealWatch {
  readonly #known = new Map<string, Known>();
  readonly #gone = new Map<string, { object: JsonMap; revision: string; at: Date }>();
  readonly #revisionOf: (environment: Environment) => string;
  readonly #onHeal: (heal: Heal) => void;

  /** @param revisionOf the commit that an environment is compared with now */
  constructor(revisionOf: (environment: Environment) => string, onHeal: (heal: Heal) => void) {
    this.#revisionOf = revisionOf;
    this.#onHeal = onHeal;
  }

  /** Takes note of an object as it was seen at a time. */
  see({ object, gone }: Sight, at: Date): void {
    const environment = environmentOf(object);
    const key = JSON.stringify([text(object.apiVersion).replace(/\/.*/, ''), idOf(object)]);
    // Two watches may see one object, the one later than the other.
    if (versionOf(object) <= versionOf(this.#known.get(key)?.object ?? {})) {
      return;
    }
    if (gone) {
      if (environment !== undefined) {
        for (const [other, { at: since }] of this.#gone) {
          if (at.getTime() - since.getTime() > memory) {
            this.#gone.delete(other);
          }
        }
        this.#gone.set(key, { object, revision: this.#revisionOf(environment), at });
      }
      this.#known.delete(key);
      return;
    }
    const before = this.#known.get(key);
    if (environment === undefined) {
      // Without its mark Argo CD does not know it as its own.
      this.#known.delete(key);
      return;
    }
    const open = before?.open ?? new Map<string, OpenField>();
    this.#known.set(key, { object, open });
    if (before !== undefined) {
      this.#compare(environment, before.object, object, open, at);
      return;
    }
    const lost = this.#gone.get(key);
    this.#gone.delete(key);
    // Of another commit: Git had taken it away, and has it again.
    if (
      lost !== undefined &&
      lost.revision === this.#revisionOf(environment) &&
      at.getTime() - lost.at.getTime() < memory &&
      isArgocds(object)
    ) {
      // Nothing says who deleted it.
      this.#tell(environment, object, [], '', lost.at, at);
    }
  }

  #compare(
    environment: Environment,
    was: JsonMap,
    is: JsonMap,
    open: Map<string, OpenField>,
    at: Date,
  ): void {
    const healed: OpenField[] = [];
    for (const change of fieldChanges(normalForm(was, environment, []), normalForm(is, environment, []))) {
      const path = pathText(change.path);
      const drift = open.get(path);
      const [before, after] = [ownersBefore(was, change), ownersAfter(is, change)];
      if (after.includes(argocdManager)) {
        open.delete(path);
        if (drift !== undefined && same(drift.change.was, change.is)) {
          healed.push(drift);
        }
      } else if (before.includes(argocdManager)) {
        open.set(path, { change, by: after[0] ?? lastWriter(is), at });
      } else if (drift !== undefined && !same(drift.change.was, change.is)) {
        open.set(path, {
          ...drift,
          change: { ...drift.change, ...(change.is !== undefined && { is: change.is }) },
        });
      } else {
        open.delete(path);
      }
    }
    const [first] = healed;
    if (first !== undefined) {
      const fields = healed.map(({ change }): DriftedField => {
        const { path, was: wanted, is: drifted } = change;
        return {
          path: pathText(path),
          ...(wanted !== undefined && { wanted }),
          ...(drifted !== undefined && { drifted }),
        };
      });
      this.#tell(environment, is, fields, first.by, first.at, at);
    }
  }

  #tell(
    environment: Environment,
    object: JsonMap,
    fields: DriftedField[],
    by: string,
    drifted: Date,
    healed: Date,
  ): void {
    const times = { drifted: drifted.toISOString(), healed: healed.toISOString() };
    this.#onHeal({ environment, object: idOf(object), fields, by, ...times });
  }
}

/** Who owned what was there: nobody what was not, whatever is at its place in the list. */
function ownersBefore(was: JsonMap, change: Change): string[] {
  return change.was === undefined ? [] : ownersOf(was, change.path);
}

function ownersAfter(is: JsonMap, change: Change): string[] {
  return change.is === undefined ? [] : ownersOf(is, change.path);
}

/** The environment whose Application deploys the object. */
function environmentOf(object: JsonMap): Environment | undefined {
  const [application] = text(valueAt(object, ['metadata', 'annotations', tracking])).split(':');
  return environments.find((environment) => environment === application);
}

function isArgocds(object: JsonMap): boolean {
  return ownersOf(object, ['metadata', 'annotations', tracking]).includes(argocdManager);
}

function same(one: Json | undefined, other: Json | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Later is more. @see https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
function versionOf(object: JsonMap): number {
  return Number(text(valueAt(object, ['metadata', 'resourceVersion'])) || -1);
}

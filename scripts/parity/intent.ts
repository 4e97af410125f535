import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { referencePlace } from '../check/kustomization.ts';
import {
  type FieldPath,
  isMap,
  type Json,
  type Place,
  type RenderedObject,
  text,
  valueAt,
} from '../check/model.ts';
import { patchesOf, selectsObject } from '../check/provenance/patches.ts';
import { originOf, saidOf } from '../check/provenance/provenance.ts';
import { reachable } from '../check/tree.ts';
import type { YamlFiles } from '../check/yaml/yaml-files.ts';
import { filesOf, type RenderedEnvironment } from './environments.ts';
import type { Slot } from './fields.ts';

/**
 * Who says what one environment has: its overlay, by a file of its own; some overlays, by listing the file that says
 * it; or what all share. `place` is the line of the overlay where it is one, `from` the one that sets the value.
 */
export type Voice = { by: 'overlay' | 'some' | 'all'; place?: Place; from?: Place };

/** What a voice says for an environment. */
export type Statement = { environment: RenderedEnvironment; voice: Voice; value: Json | undefined };

/**
 * Whether the overlays explain each value that is not another's: one of the two overlays says it, or renders the file
 * that does where the other one does not.
 */
export function isIntended(statements: Statement[]): boolean {
  return statements.every((one, index) =>
    statements
      .slice(index + 1)
      .every(
        (other) =>
          isDeepStrictEqual(one.value, other.value) || isExplained(one, other) || isExplained(other, one),
      ),
  );
}

function isExplained({ voice }: Statement, other: Statement): boolean {
  const { by, from } = voice;
  return by === 'overlay' || (from !== undefined && !other.environment.files.has(from.file));
}

/** Finds who says what the environments have, among those that are compared. */
export class Voices {
  readonly #environments: RenderedEnvironment[];
  readonly #files: YamlFiles;

  constructor(environments: RenderedEnvironment[], files: YamlFiles) {
    this.#environments = environments;
    this.#files = files;
  }

  /** Who says what a field of an object is, or that it is not there. */
  async ofField(environment: RenderedEnvironment, object: RenderedObject, slot: Slot): Promise<Voice> {
    const said = await this.#placesOf(environment, object, slot);
    for (const place of said) {
      const voice = await this.#voiceAt(environment, place);
      if (voice.by !== 'all') {
        return voice;
      }
    }
    const source = await this.#ofSource(environment, object);
    const [place] = slot.value === undefined ? [] : said;
    return source.by === 'all' ? { by: 'all', ...(place && { place, from: place }) } : source;
  }

  /** Who says that an environment has an object. */
  async ofPresence(environment: RenderedEnvironment, object: RenderedObject): Promise<Voice> {
    const source = await this.#ofSource(environment, object);
    const path = ['metadata', 'name'];
    // What all share has another name here, and so is another object.
    return source.by === 'all'
      ? this.ofField(environment, object, { path, value: valueAt(object.value, path) })
      : source;
  }

  /** Who says that the file that an object is from is rendered. */
  async #ofSource(environment: RenderedEnvironment, object: RenderedObject): Promise<Voice> {
    const voice = await this.#voiceAt(environment, { file: object.source });
    if (voice.by === 'all') {
      return voice;
    }
    const place = (await this.#listing(environment, object.source)) ?? (await originOf(object, this.#files));
    return { ...voice, place };
  }

  /** Who says that an environment does not have an object that others have, `elsewhere` being one of theirs. */
  async ofAbsence(environment: RenderedEnvironment, elsewhere: RenderedObject): Promise<Voice> {
    const { name } = elsewhere.id;
    const names = { original: name, current: name };
    for (const kustomization of environment.kustomizations) {
      for (const patch of await patchesOf(kustomization, this.#files)) {
        for (const [index, value] of (patch.text?.values() ?? []).entries()) {
          const isMeant = isMap(patch.target ?? null)
            ? selectsObject(patch.target ?? null, elsewhere, names)
            : isMap(value) && text(value.kind) === elsewhere.id.kind && nameOf(value) === name;
          if (isMeant && isMap(value) && value.$patch === 'delete' && patch.text !== undefined) {
            const { path: file } = patch.text;
            return this.#voiceAt(environment, { file, line: patch.text.documentLine(index) });
          }
        }
      }
    }
    return { by: 'all' };
  }

  /** The places that set a value, the one that decides first; of a list, those that set its items too. */
  async #placesOf(environment: RenderedEnvironment, object: RenderedObject, slot: Slot): Promise<Place[]> {
    const { absent } = slot;
    const said = (of: RenderedObject, at: FieldPath, what: Json | undefined) =>
      saidOf({ object: of, path: at, value: what }, this.#files, environment.objects);
    const list = absent && valueAt(object.value, absent.list);
    // An item is taken away as a whole.
    const path = absent && Array.isArray(list) ? [...absent.list, list.length] : slot.path;
    const value = absent === undefined ? valueAt(object.value, path) : undefined;
    const whole = await said(absent === undefined ? object : withItem(object, absent), path, value);
    const items = Array.isArray(value) ? value : [];
    const parts = await Promise.all(items.map((item, index) => said(object, [...path, index], item)));
    const left = absent && whole === undefined ? await said(object, absent.list, list) : undefined;
    // What says another value was overruled by what is not known, unless that only renamed what the field refers to.
    const isRenamed = typeof value === 'string' && value !== slot.value;
    return [whole, ...parts, left].flatMap((found) =>
      found !== undefined && (found.fits || isRenamed) ? found.places : [],
    );
  }

  async #voiceAt(environment: RenderedEnvironment, place: Place): Promise<Voice> {
    const { file } = place;
    if (file.startsWith(`${environment.dir}${path.sep}`)) {
      return { by: 'overlay', place, from: place };
    }
    const isShared = this.#environments.every(({ files }) => files.has(file));
    const listing = isShared ? undefined : await this.#listing(environment, file);
    return listing === undefined
      ? { by: 'all', place, from: place }
      : { by: 'some', place: listing, from: place };
  }

  /** The line of the overlay's own kustomization that has a file rendered. */
  async #listing({ kustomizations }: RenderedEnvironment, file: string): Promise<Place | undefined> {
    const [own] = kustomizations;
    for (const reference of own?.references ?? []) {
      const below = reference.kind === 'kustomization' ? await reachable(reference.to, this.#files) : [];
      if (own !== undefined && (reference.to === file || below.flatMap(filesOf).includes(file))) {
        return referencePlace(own, reference);
      }
    }
    return undefined;
  }
}

function nameOf({ metadata }: { metadata?: Json }): string {
  return isMap(metadata) ? text(metadata.name) : '';
}

/** An object with the item that it lacks at the end of its list. */
function withItem(object: RenderedObject, { list, item }: NonNullable<Slot['absent']>): RenderedObject {
  const value = structuredClone(object.value);
  const items = valueAt(value, list);
  if (Array.isArray(items)) {
    items.push(item);
  }
  return { ...object, value };
}

import { isDeepStrictEqual } from 'node:util';
import { type Kustomization, readKustomization } from '../kustomization.ts';
import { manifestsIn } from '../manifests.ts';
import { isMap, maps, type Place, type RenderedObject, text, type Violation, valueAt } from '../model.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';
import { generatorTouches } from './generators.ts';
import { patchTouches } from './patches.ts';
import { pluginNames, pluginTouches } from './plugins.ts';
import { pathBy } from './replacements.ts';
import { manifestOf, manifestTouch, type Names, type Subject, type Touch } from './touches.ts';
import { transformerTouches } from './transformers.ts';

/**
 * The file and line to edit: the last base, patch, component, transformer or generator that set the field's value, or
 * took it away. Where nothing did, the one that comes nearest to the field, the object's own file before any other.
 * What a replacement copied from one of `others`, the objects of the same render, is mended there. The file is absolute.
 */
export async function placeOf(
  { object, path }: Violation,
  files: YamlFiles,
  others: RenderedObject[] = [],
): Promise<Place> {
  const subject: Subject = { object, path, value: valueAt(object.value, path) };
  const touches = await touchesOf(subject, files);
  const found = decisive(subject, touches) ?? nearest(touches);
  if (found === undefined) {
    return { file: object.source };
  }
  const original = await copiedFrom(found, subject, files, others);
  return original === undefined ? at(found) : placeOf(original, files);
}

/**
 * What wrote a field, or took it away: the place to edit, and the one that copied it from there where that is another.
 * `fits`: it can be what made the field what it is.
 */
type Said = { places: Place[]; fits: boolean };

/** As `placeOf`, but undefined where nothing that is known wrote the whole field, or took it away. */
export async function saidOf(
  subject: Subject,
  files: YamlFiles,
  others: RenderedObject[] = [],
): Promise<Said | undefined> {
  const found = decisive(subject, await touchesOf(subject, files));
  if (found === undefined) {
    return undefined;
  }
  const original = await copiedFrom(found, subject, files, others);
  return {
    places: [...(original === undefined ? [] : [await placeOf(original, files)]), at(found)],
    fits: found.removes || isSaid(found, subject),
  };
}

function at({ file, line, column }: Touch): Place {
  return { file, line, column };
}

async function touchesOf(subject: Subject, files: YamlFiles): Promise<Touch[]> {
  const { object } = subject;
  const touches =
    'dir' in object.target
      ? await layerTouches(subject, object.target.dir, files)
      : await sourceTouches(subject, object.source, names(object.id.name), files);
  return touches ?? [];
}

/** Where the object's own file names it, whichever patches name it too. The file is absolute. */
export async function originOf(object: RenderedObject, files: YamlFiles): Promise<Place> {
  const violation: Violation = { object, path: ['metadata', 'name'], message: '' };
  const { source } = object;
  if (!isYaml(source) || !files.holds(source)) {
    return placeOf(violation, files);
  }
  const called = names(await nameInSource(object, files));
  const [found] = await sourceTouches({ ...violation, value: object.id.name }, source, called, files);
  return found === undefined ? placeOf(violation, files) : at(found);
}

/** The field that a replacement copied, where it still says what it did then. */
async function copiedFrom(
  { copies }: Touch,
  { value }: Subject,
  files: YamlFiles,
  others: RenderedObject[],
): Promise<Violation | undefined> {
  if (copies === undefined) {
    return undefined;
  }
  const { kind, name, steps } = copies;
  for (const object of others) {
    const isNamed = name === '' || [object.id.name, await nameInSource(object, files)].includes(name);
    if (object.id.kind === kind && isNamed) {
      const path = pathBy(steps, object.value);
      const [said, copied] = [valueAt(object.value, path), value].map((one) =>
        typeof one === 'number' ? String(one) : text(one),
      ) as [string, string];
      // A replacement with a delimiter copies a part of a text, or into one.
      const isCopy = said !== '' && copied !== '' && (copied.includes(said) || said.includes(copied));
      return isCopy ? { object, path, message: '' } : undefined;
    }
  }
  return undefined;
}

/** Which of what was said, in the order in which it was said, set the value or took it away. */
function decisive({ path, value }: Subject, touches: Touch[]): Touch | undefined {
  const whole = touches.filter(({ depth }) => depth === path.length);
  if (value === undefined) {
    // Only what was there can have been taken away.
    const written = touches.findIndex(({ depth, removes }) => depth === path.length && !removes);
    return written < 0 ? undefined : touches.slice(written).findLast(({ removes }) => removes);
  }
  return whole.findLast((touch) => isSaid(touch, { value })) ?? whole.at(-1);
}

function isSaid(touch: Touch, { value }: Pick<Subject, 'value'>): boolean {
  return touch.value === undefined || isDeepStrictEqual(touch.value, value);
}

/** What comes nearest to the field, the object's own file before any other. */
function nearest(touches: Touch[]): Touch | undefined {
  return touches.toSorted((one, other) => other.depth - one.depth)[0];
}

function names(name: string): Names {
  return { original: name, current: name };
}

/** One way from the object's file to a kustomization: what was said on it, and what the object is called there. */
type Way = { touches: Touch[]; names: Names; namespace: string };

/**
 * What a kustomization and all below it say of the field, in the order in which Kustomize applies it; undefined when
 * the object does not come from there. Where several ways lead to the object's file, it is the one by which the object
 * came to its name and namespace.
 */
async function layerTouches(subject: Subject, dir: string, files: YamlFiles): Promise<Touch[] | undefined> {
  const { id, source } = subject.object;
  const walk = async (folder: string): Promise<Way[]> => {
    const kustomization = await readKustomization(folder, files);
    if (kustomization === undefined) {
      return [];
    }
    const components = foldersUnder(kustomization, 'components');
    const ways = (await waysFrom(kustomization)).map((way) => ({ way, left: components }));
    for (const [index, to] of components.entries()) {
      // A component is applied to what it brings itself, and to what was there before it.
      const left = components.slice(index + 1);
      ways.push(...(await walk(to)).map((way) => ({ way, left })));
    }
    return Promise.all(
      ways.map(async ({ way, left }) => {
        let after = way;
        for (const to of left) {
          after = await throughComponent(to, after);
        }
        return through(kustomization, after);
      }),
    );
  };
  const waysFrom = async (kustomization: Kustomization): Promise<Way[]> => {
    const lists = kustomization.references.some(({ kind, to }) => kind === 'file' && to === source);
    if (lists || kustomization.file.path === source) {
      const called = names(await nameInSource(subject.object, files));
      return [{ touches: await sourceTouches(subject, source, called, files), names: called, namespace: '' }];
    }
    const below = ['resources', 'bases'].flatMap((field) => foldersUnder(kustomization, field));
    return (await Promise.all(below.map(walk))).flat();
  };
  const throughComponent = async (folder: string, way: Way): Promise<Way> => {
    const component = await readKustomization(folder, files);
    if (component === undefined) {
      return way;
    }
    let after = way;
    for (const to of foldersUnder(component, 'components')) {
      after = await throughComponent(to, after);
    }
    return through(component, after);
  };
  const through = async (kustomization: Kustomization, way: Way): Promise<Way> => {
    const { namePrefix, nameSuffix, namespace } = kustomization.value;
    const { original, current } = way.names;
    const { names } = way;
    const own = `${text(namePrefix)}${current}${text(nameSuffix)}`;
    const called = await pluginNames(kustomization, own, files);
    return {
      touches: [
        ...way.touches,
        ...(await generatorTouches(subject, names, kustomization, files)),
        ...(await patchTouches(subject, names, kustomization, 'itself', files)),
        ...(await pluginTouches(subject, names, kustomization, 'rename', files)),
        ...(await transformerTouches(subject, names, kustomization, files)),
        ...(await patchTouches(subject, { original, current: own }, kustomization, 'plugins', files)),
        ...(await pluginTouches(subject, { original, current: own }, kustomization, 'set', files)),
      ],
      names: { original, current: called.name },
      namespace: called.namespace || text(namespace) || way.namespace,
    };
  };
  const ways = await walk(dir);
  const called = ways.filter(({ names: { current } }) => id.name === current || isHashed(id.name, current));
  const found = called.find(({ namespace }) => namespace === id.namespace) ?? called[0] ?? ways[0];
  return found?.touches;
}

/** Whether a name is another with the hash that Kustomize gives what is generated. */
function isHashed(name: string, before: string): boolean {
  return name.startsWith(`${before}-`) && /^[a-z0-9]{10}$/.test(name.slice(before.length + 1));
}

function foldersUnder({ references }: Kustomization, field: string): string[] {
  return references
    .filter((found) => found.kind === 'kustomization' && found.field === field)
    .map(({ to }) => to);
}

/** What the file that the object was read from says; a generator or a URL is a line of a kustomization. */
async function sourceTouches(
  subject: Subject,
  source: string,
  called: Names,
  files: YamlFiles,
): Promise<Touch[]> {
  const file = await files.read(source);
  const manifest = manifestOf(file, subject.object, called);
  return manifest === undefined ? [] : [manifestTouch(subject, file, manifest)];
}

/** The object's name before any prefix, suffix or hash: that of the one document, or generator, it can be from. */
export async function nameInSource(object: RenderedObject, files: YamlFiles): Promise<string> {
  const { id, source } = object;
  if (!isYaml(source)) {
    return id.name;
  }
  const file = await files.read(source);
  if (manifestOf(file, object, names(object.id.name)) !== undefined) {
    return object.id.name;
  }
  const candidates = manifestsIn(file).flatMap(({ value }) => {
    const generators = isMap(value)
      ? [...maps(value.configMapGenerator), ...maps(value.secretGenerator)]
      : [];
    return isMap(value) && [id.kind, `${id.kind}Generator`].includes(text(value.kind))
      ? [nameIn(value)]
      : generators.map(({ name }) => text(name));
  });
  const possible = candidates.filter((candidate) => id.name.includes(candidate));
  return possible.sort((one, other) => other.length - one.length)[0] ?? candidates[0] ?? id.name;
}

function isYaml(file: string): boolean {
  return /\.ya?ml$|Kustomization$/.test(file);
}

function nameIn(value: unknown): string {
  return isMap(value) && isMap(value.metadata) ? text(value.metadata.name) : '';
}

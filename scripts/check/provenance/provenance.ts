import { isDeepStrictEqual } from 'node:util';
import { type Kustomization, readKustomization, transformerFiles } from '../kustomization.ts';
import { isMap, maps, type Place, type RenderedObject, text, type Violation, valueAt } from '../model.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';
import { generatorTouches } from './generators.ts';
import { patchTouches } from './patches.ts';
import { documentOf, documentTouch, type Names, type Subject, type Touch } from './touches.ts';
import { transformerFileTouches, transformerTouches } from './transformers.ts';

/**
 * The file and line to edit: the last base, patch, component, transformer or generator that set the field's value, or
 * took it away. Where nothing did, the one that comes nearest to the field, the object's own file before any other.
 * The file is absolute.
 */
export async function placeOf({ object, path }: Violation, files: YamlFiles): Promise<Place> {
  const subject: Subject = { object, path, value: valueAt(object.value, path) };
  const touches =
    'dir' in object.target
      ? await layerTouches(subject, object.target.dir, files)
      : await sourceTouches(subject, object.source, names(object.id.name), files);
  const found = decisive(subject, touches ?? []);
  if (found === undefined) {
    return { file: object.source };
  }
  return { file: found.file, line: found.line, column: found.column };
}

/** Which of what was said, in the order in which it was said, decided. */
function decisive({ path, value }: Subject, touches: Touch[]): Touch | undefined {
  const whole = touches.filter(({ depth }) => depth === path.length);
  if (value === undefined) {
    const removal = whole.findLast(({ removes }) => removes);
    return removal ?? touches.toSorted((one, other) => other.depth - one.depth)[0];
  }
  const same = whole.filter((touch) => touch.value === undefined || isDeepStrictEqual(touch.value, value));
  return same.at(-1) ?? whole.at(-1) ?? touches.toSorted((one, other) => other.depth - one.depth)[0];
}

function names(name: string): Names {
  return { original: name, current: name };
}

/**
 * What a kustomization and all below it say of the field, in the order in which Kustomize applies it; undefined when
 * the object does not come from there.
 */
async function layerTouches(subject: Subject, dir: string, files: YamlFiles): Promise<Touch[] | undefined> {
  const renamed = names('');
  const walk = async (folder: string): Promise<Touch[] | undefined> => {
    const kustomization = await readKustomization(folder, files);
    const below = kustomization && (await sourceOf(kustomization));
    if (kustomization === undefined || below === undefined) {
      return undefined;
    }
    const touches = [...below];
    for (const to of foldersUnder(kustomization, 'components')) {
      const component = await readKustomization(to, files);
      touches.push(...(component === undefined ? [] : await own(component)));
    }
    return [...touches, ...(await own(kustomization))];
  };
  const sourceOf = async (kustomization: Kustomization): Promise<Touch[] | undefined> => {
    const { source } = subject.object;
    const lists = kustomization.references.some(({ kind, to }) => kind === 'file' && to === source);
    if (lists || kustomization.file.path === source) {
      renamed.original = await nameInSource(subject.object, files);
      renamed.current = renamed.original;
      return sourceTouches(subject, source, renamed, files);
    }
    for (const field of ['resources', 'bases', 'components']) {
      for (const to of foldersUnder(kustomization, field)) {
        const found = await walk(to);
        if (found !== undefined) {
          return found;
        }
      }
    }
    return undefined;
  };
  const own = async (kustomization: Kustomization): Promise<Touch[]> => {
    const touches = [
      ...generatorTouches(subject, renamed, kustomization),
      ...(await patchTouches(subject, renamed, kustomization, files)),
      ...transformerTouches(subject, renamed, kustomization),
      ...(await transformerFileTouches(
        subject,
        await transformerFiles(kustomization.references, files),
        files,
      )),
    ];
    const { namePrefix, nameSuffix } = kustomization.value;
    renamed.current = `${text(namePrefix)}${renamed.current}${text(nameSuffix)}`;
    return touches;
  };
  return walk(dir);
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
  const index = documentOf(file, subject.object, called);
  return index === undefined ? [] : [documentTouch(subject, file, index)];
}

/** The object's name before any prefix, suffix or hash: that of the one document, or generator, it can be from. */
export async function nameInSource(object: RenderedObject, files: YamlFiles): Promise<string> {
  const { id, source } = object;
  if (!/\.ya?ml$|Kustomization$/.test(source)) {
    return id.name;
  }
  const file = await files.read(source);
  if (documentOf(file, object, names(object.id.name)) !== undefined) {
    return object.id.name;
  }
  const candidates = file.values().flatMap((value) => {
    const generators = isMap(value)
      ? [...maps(value.configMapGenerator), ...maps(value.secretGenerator)]
      : [];
    return isMap(value) && value.kind === id.kind
      ? [nameIn(value)]
      : generators.map(({ name }) => text(name));
  });
  const possible = candidates.filter((candidate) => id.name.includes(candidate));
  return possible.sort((one, other) => other.length - one.length)[0] ?? candidates[0] ?? id.name;
}

function nameIn(value: unknown): string {
  return isMap(value) && isMap(value.metadata) ? text(value.metadata.name) : '';
}

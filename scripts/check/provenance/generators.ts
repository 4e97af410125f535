import path from 'node:path';
import type { Kustomization } from '../kustomization.ts';
import { maps, text } from '../model.ts';
import { fieldTouch, type Names, type Subject, type Touch } from './touches.ts';

const generators: Record<string, string> = { ConfigMap: 'configMapGenerator', Secret: 'secretGenerator' };

/** What a kustomization's generator says of an object that it makes or merges into: its entry, or one key's line. */
export function generatorTouches(subject: Subject, names: Names, { file, value }: Kustomization): Touch[] {
  const { object, path: wanted } = subject;
  const field = generators[object.id.kind];
  if (field === undefined) {
    return [];
  }
  return maps(value[field]).flatMap((entry, index): Touch[] => {
    if (text(entry.name) !== names.original) {
      return [];
    }
    const [map, key] = wanted;
    if ((map !== 'data' && map !== 'stringData') || key === undefined) {
      return [{ ...fieldTouch(subject, file, [field, index]), depth: 0 }];
    }
    const says = ['literals', 'files'].flatMap((list) =>
      (Array.isArray(entry[list]) ? entry[list] : []).flatMap((said, at) =>
        keyOf(text(said), list) === key ? [fieldTouch(subject, file, [field, index, list, at])] : [],
      ),
    );
    return says.length > 0 ? says : [{ ...fieldTouch(subject, file, [field, index]), depth: 1 }];
  });
}

function keyOf(said: string, list: string): string {
  const [, key] = /^([^=]+)=/.exec(said) ?? [];
  return key ?? (list === 'files' ? path.basename(said) : said);
}

import type { Kustomization } from '../kustomization.ts';
import { type FieldPath, isMap, type JsonMap, maps, text } from '../model.ts';
import { type Plugin, pluginsOf } from '../plugins.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';
import { fieldTouch, type Names, type Subject, type Touch } from './touches.ts';
import { imageTouches } from './transformers.ts';

/**
 * What the documents under `transformers:` say of a field, besides their patches and replacements. What only renames
 * an image decides less than the tag or digest that it comes with.
 */
export async function pluginTouches(
  subject: Subject,
  names: Names,
  kustomization: Kustomization,
  doing: 'rename' | 'set',
  files: YamlFiles,
): Promise<Touch[]> {
  const plugins = await pluginsOf(kustomization, 'transformers', files);
  return plugins.flatMap((plugin) => {
    const { imageTag } = plugin.value;
    const renames = isMap(imageTag) && (imageTag.newTag ?? imageTag.digest) === undefined;
    return renames === (doing === 'rename') ? touchesOf(subject, names, plugin) : [];
  });
}

function touchesOf(subject: Subject, names: Names, { file, document, kind, value }: Plugin): Touch[] {
  const sets = (at: FieldPath, where: FieldPath) =>
    where.join('/') === subject.path.join('/') ? [fieldTouch(subject, file, at, undefined, document)] : [];
  const key = String(subject.path.at(-1));
  switch (kind) {
    case 'ImageTagTransformer':
      return isMap(value.imageTag) ? imageTouches(subject, file, ['imageTag'], value.imageTag, document) : [];
    case 'NamespaceTransformer':
      return sets(['metadata', 'namespace'], ['metadata', 'namespace']);
    case 'PrefixTransformer':
    case 'SuffixTransformer':
      return renames(value)
        ? sets([kind === 'PrefixTransformer' ? 'prefix' : 'suffix'], ['metadata', 'name'])
        : [];
    case 'ReplicaCountTransformer':
      return isMap(value.replica) && [names.original, names.current].includes(text(value.replica.name))
        ? sets(['replica', 'count'], ['spec', 'replicas'])
        : [];
    case 'LabelTransformer':
    case 'AnnotationsTransformer': {
      const field = kind === 'LabelTransformer' ? 'labels' : 'annotations';
      const pairs = value[field];
      const said = isMap(pairs) && pairs[key] !== undefined && leadsTo(value, subject.path.slice(0, -1));
      return said ? [fieldTouch(subject, file, [field, key], pairs[key], document)] : [];
    }
    default:
      return [];
  }
}

/** Whether a transformer's fieldSpecs name a field: its path with slashes, list items and `[]` left out. */
function leadsTo({ fieldSpecs }: JsonMap, path: FieldPath): boolean {
  const wanted = path.filter((step) => typeof step === 'string').join('/');
  return maps(fieldSpecs).some((spec) => text(spec.path).replaceAll('[]', '') === wanted);
}

function renames(value: JsonMap): boolean {
  return leadsTo(value, ['metadata', 'name']);
}

/** What a kustomization's plug-ins make of a name and a namespace. */
export async function pluginNames(
  kustomization: Kustomization,
  name: string,
  files: YamlFiles,
): Promise<{ name: string; namespace: string }> {
  const called = { name, namespace: '' };
  for (const { kind, value } of await pluginsOf(kustomization, 'transformers', files)) {
    if (kind === 'PrefixTransformer' && renames(value)) {
      called.name = text(value.prefix) + called.name;
    } else if (kind === 'SuffixTransformer' && renames(value)) {
      called.name += text(value.suffix);
    } else if (kind === 'NamespaceTransformer' && isMap(value.metadata)) {
      called.namespace = text(value.metadata.namespace);
    }
  }
  return called;
}

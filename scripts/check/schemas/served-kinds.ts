import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Resources, resourceKey } from '../admission/resources.ts';
import type { JsonMap, RenderedObject } from '../model.ts';
import { customResources } from './custom-resources.ts';
import { type KindSchema, metadataFile, resourcesFile, schemaFile } from './store.ts';

/** What the API serves, once what is checked is deployed. */
export type ServedKinds = {
  /** The schema of a kind, undefined when none is served. */
  schemaOf(apiVersion: string, kind: string): JsonMap | undefined;
  resources: Resources;
};

type Served = Omit<KindSchema, 'schema'>;

/** The kinds of the CustomResourceDefinitions among the objects, and those of a store that these do not define anew. */
export async function servedKinds(store: string, objects: RenderedObject[] = []): Promise<ServedKinds> {
  const crds = objects.filter(({ id }) => id.kind === 'CustomResourceDefinition');
  const metadata = crds.length === 0 ? {} : ((await json(store, metadataFile)) as JsonMap);
  const brought = crds.flatMap(({ value }) => customResources(value, metadata));
  const defined = new Set(brought.map(definition));
  const stored = ((await json(store, resourcesFile)) as Served[]).filter(
    (kind) => !defined.has(definition(kind)),
  );
  const sources = new Map([
    ...stored.map(({ apiVersion, kind }): [string, () => JsonMap | undefined] => [
      resourceKey(apiVersion, kind),
      () => storedSchema(store, apiVersion, kind),
    ]),
    ...brought.map(({ apiVersion, kind, schema }): [string, () => JsonMap | undefined] => [
      resourceKey(apiVersion, kind),
      schema,
    ]),
  ]);
  const schemas = new Map<string, JsonMap | undefined>();
  return {
    schemaOf: (apiVersion, kind) => {
      const key = resourceKey(apiVersion, kind);
      if (!schemas.has(key)) {
        schemas.set(key, sources.get(key)?.());
      }
      return schemas.get(key);
    },
    resources: resourcesOf([...stored, ...brought]),
  };
}

/** What one definition is of: a kind of a group, in each of its versions. */
function definition({ apiVersion, kind }: Pick<Served, 'apiVersion' | 'kind'>): string {
  return `${apiVersion.replace(/[^/]*$/, '')}${kind}`;
}

async function json(store: string, file: string): Promise<unknown> {
  return JSON.parse(await readFile(path.join(store, file), 'utf8'));
}

function storedSchema(store: string, apiVersion: string, kind: string): JsonMap | undefined {
  const file = path.join(store, schemaFile(apiVersion, kind));
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as JsonMap) : undefined;
}

function resourcesOf(kinds: Served[]): Resources {
  const served = kinds.map(({ apiVersion, kind, resource, namespaced, deprecated }) => {
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    const old = deprecated === undefined ? {} : { deprecated };
    return { apiVersion, kind, group, version, name: resource, namespaced, ...old };
  });
  const versions = Map.groupBy(served, ({ group, name }) => `${group}/${name}`);
  return new Map(
    served.map(({ apiVersion, kind, ...resource }) => {
      const same = versions.get(`${resource.group}/${resource.name}`) ?? [];
      const others = same.map(({ version }) => version).filter((version) => version !== resource.version);
      return [resourceKey(apiVersion, kind), { ...resource, otherVersions: others }];
    }),
  );
}

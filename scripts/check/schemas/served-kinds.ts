import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Resources, resourceKey } from '../admission/resources.ts';
import type { JsonMap, RenderedObject } from '../model.ts';
import { customResourceSchemas } from './custom-resources.ts';
import { type KindSchema, metadataFile, resourcesFile, schemaFile } from './store.ts';

/** What the API serves, once what is checked is deployed. */
export type ServedKinds = {
  /** The schema of a kind, undefined when none is served. */
  schemaOf(apiVersion: string, kind: string): JsonMap | undefined;
  resources: Resources;
};

type Served = Omit<KindSchema, 'schema'>;

/** The kinds of a store, and those of the CustomResourceDefinitions among the objects. */
export async function servedKinds(store: string, objects: RenderedObject[] = []): Promise<ServedKinds> {
  const stored = (await json(store, resourcesFile)) as Served[];
  const known = new Set(stored.map(({ apiVersion, kind }) => resourceKey(apiVersion, kind)));
  const crds = objects.filter(({ id }) => id.kind === 'CustomResourceDefinition');
  const metadata = crds.length === 0 ? {} : ((await json(store, metadataFile)) as JsonMap);
  const brought = crds
    .flatMap(({ value }) => customResourceSchemas(value, metadata))
    .filter(({ apiVersion, kind }) => !known.has(resourceKey(apiVersion, kind)));
  const schemas = new Map<string, JsonMap | undefined>(
    brought.map(({ apiVersion, kind, schema }) => [resourceKey(apiVersion, kind), schema]),
  );
  return {
    schemaOf: (apiVersion, kind) => {
      const key = resourceKey(apiVersion, kind);
      if (!schemas.has(key)) {
        schemas.set(key, known.has(key) ? storedSchema(store, apiVersion, kind) : undefined);
      }
      return schemas.get(key);
    },
    resources: resourcesOf([...stored, ...brought]),
  };
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

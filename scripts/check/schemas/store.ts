import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeCacheFolder, moveIntoCache } from '../../cache.ts';
import { cacheDir } from '../../paths.ts';
import type { ToolModule } from '../../tools/go.ts';
import { moduleDir, moduleFile, pinnedVersion } from '../../tools/go-modules.ts';
import { upstreamFile, upstreamManifests, upstreamUrl } from '../../upstream-manifests.ts';
import { isMap, type JsonMap } from '../model.ts';
import { parseOutput } from '../yaml/yaml-files.ts';
import { customResources } from './custom-resources.ts';
import { kubernetesSchemas, objectMeta, type Swagger } from './kubernetes.ts';
import { assertJudged } from './validate.ts';

/** How the API serves one kind in one version: its plural, and a JSON Schema, draft 4, for its objects. */
export type KindSchema = {
  apiVersion: string;
  kind: string;
  resource: string;
  namespaced: boolean;
  /** Since when it is announced to go, or what its definition says of that. */
  deprecated?: string;
  schema: JsonMap;
};

const kubernetesModule = 'k8s.io/kubernetes';
/** Operators that nothing here installs: these of their kinds are here for clusters that have them. */
const elsewhere: { tool: ToolModule; module: string; definitions: string[] }[] = [
  {
    tool: 'prometheus-operator',
    module: 'github.com/prometheus-operator/prometheus-operator',
    definitions: ['podmonitors', 'servicemonitors', 'prometheusrules'].map(
      (kind) => `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`,
    ),
  },
  {
    tool: 'external-secrets',
    module: 'github.com/external-secrets/external-secrets',
    definitions: ['externalsecrets', 'secretstores', 'clustersecretstores'].map(
      (kind) => `config/crds/bases/external-secrets.io_${kind}.yaml`,
    ),
  },
];
/** What a store has besides schemas: how each kind is served, and the schema of metadata. */
export const resourcesFile = 'resources.json';
export const metadataFile = 'metadata.json';

/** Where a kind's schema is in a store. A core kind's group is its version, `v1/v1`, as kubeconform has it. */
export function schemaFile(apiVersion: string, kind: string): string {
  const [group = '', version = group] = apiVersion.split('/');
  return path.join(group, version, `${kind.toLowerCase()}.json`);
}

/**
 * The folder with a schema for every kind the cluster knows: Kubernetes', and those that upstream's manifests bring, at the
 * versions the cluster runs; and for those of other operators that a cluster may know. Written the first time (about 3 s), found in the cache afterwards.
 * @throws {ToolBuildError} when a module cannot be had.
 */
export async function schemaStore(onWrite: () => void = () => {}): Promise<string> {
  const folder = path.join(cacheDir, 'schemas', await storeKey());
  if (existsSync(folder)) {
    return folder;
  }
  const partial = `${folder}.${randomUUID()}`;
  await makeCacheFolder(partial);
  onWrite();
  try {
    const { kinds, metadata } = await allSchemas();
    for (const { apiVersion, kind, schema } of kinds) {
      assertJudged(schema);
      const file = path.join(partial, schemaFile(apiVersion, kind));
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, JSON.stringify(schema));
    }
    await writeFile(
      path.join(partial, resourcesFile),
      JSON.stringify(kinds.map(({ schema: _, ...resource }) => resource)),
    );
    await writeFile(path.join(partial, metadataFile), JSON.stringify(metadata));
    await moveIntoCache(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}

/** Keyed by what goes in and by the code that converts it. */
async function storeKey(): Promise<string> {
  const hash = createHash('sha256');
  hash.update(`${kubernetesModule}@${await pinnedVersion('cluster', kubernetesModule)}\n`);
  for (const manifest of upstreamManifests) {
    hash.update(`${await upstreamUrl(manifest)}\n`);
  }
  for (const { tool, module } of elsewhere) {
    hash.update(`${await pinnedVersion(tool, module)}\n`);
  }
  for (const file of (await Array.fromAsync(glob('*.ts', { cwd: import.meta.dirname }))).sort()) {
    hash.update(await readFile(path.join(import.meta.dirname, file)));
  }
  return hash.digest('hex').slice(0, 12);
}

async function allSchemas(): Promise<{ kinds: KindSchema[]; metadata: JsonMap }> {
  const kubernetes = await moduleDir('cluster', kubernetesModule);
  const swagger: Swagger = JSON.parse(
    await readFile(path.join(kubernetes, 'api/openapi-spec/swagger.json'), 'utf8'),
  );
  const kinds = kubernetesSchemas(swagger);
  const metadata = objectMeta(swagger);
  for (const file of await definitionFiles()) {
    const documents = parseOutput(await readFile(file, 'utf8')).filter(isMap);
    const definitions = documents.filter(({ kind }) => kind === 'CustomResourceDefinition');
    const brought = definitions.flatMap((definition) => customResources(definition, metadata));
    kinds.push(...brought.map((kind) => ({ ...kind, schema: kind.schema() })));
  }
  return { kinds, metadata };
}

/** The files that have CustomResourceDefinitions, among other things. */
function definitionFiles(): Promise<string[]> {
  const others = elsewhere.flatMap(({ tool, module, definitions }) =>
    definitions.map((file) => moduleFile(tool, module, file)),
  );
  return Promise.all([...upstreamManifests.map(upstreamFile), ...others]);
}

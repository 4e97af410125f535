import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { repoRoot } from '../../paths.ts';
import { checkConformance } from '../conformance.ts';
import { isMap, type Json, type JsonMap, type RenderedObject } from '../model.ts';
import { findKubeconform, findKustomize } from '../programs.ts';
import { renderKustomization } from '../render.ts';
import { repositoryTargets } from '../targets.ts';
import { YamlFiles } from '../yaml/yaml-files.ts';
import { servedKinds } from './served-kinds.ts';
import { schemaStore } from './store.ts';
import { assertJudged, departures } from './validate.ts';

/** What a field is changed to. */
const anything: Json[] = [
  ...[null, true, '', 'x', '10m', '1.5Gi', '2026-01-01T00:00:00Z', 'YQ==', -1, 0, 1.5, 2 ** 40],
  ...[[], [1], ['x', 'x'], {}, { x: 1 }, { name: 'x' }],
];

/** An object with one field changed, one added, or one taken away; a generator of our own, the same in every run. */
function mutants(object: RenderedObject, count: number, random: (below: number) => number): RenderedObject[] {
  return Array.from({ length: count }, () => {
    const value = structuredClone(object.value);
    let node: JsonMap | Json[] = value;
    for (;;) {
      const keys: (string | number)[] = Array.isArray(node) ? [...node.keys()] : Object.keys(node);
      const key = keys[random(keys.length)] ?? 'added';
      const below: Json | undefined = node[key as never];
      // A kind of another name has another schema, or none: that is another rule's.
      const fixed = node === value && (key === 'kind' || key === 'apiVersion');
      if (
        fixed ||
        ((isMap(below) || Array.isArray(below)) && Object.keys(below).length > 0 && random(4) > 0)
      ) {
        node = isMap(below) || Array.isArray(below) ? below : value;
        continue;
      }
      const how = random(4);
      if (how === 0 && !Array.isArray(node)) {
        delete node[key as string];
      } else if (how === 1 && !Array.isArray(node)) {
        node.added = anything[random(anything.length)] ?? null;
      } else {
        node[key as never] = (anything[random(anything.length)] ?? null) as never;
      }
      return { ...object, value };
    }
  });
}

async function kubeconformRefuses(objects: RenderedObject[], store: string, scratch: string) {
  const kubeconform = await findKubeconform(() => {});
  await mkdir(scratch, { recursive: true });
  for (const [index, { value }] of objects.entries()) {
    await writeFile(path.join(scratch, `${index}.json`), JSON.stringify(value));
  }
  const location = `${store}/{{.Group}}/{{.ResourceAPIVersion}}/{{.ResourceKind}}.json`;
  const flags = ['-strict', '-verbose', '-output', 'json', '-schema-location', location];
  const { stdout } = await execa(kubeconform, [...flags, scratch], { reject: false, stdin: 'ignore' });
  const { resources }: { resources: { filename: string; status: string; msg: string }[] } =
    JSON.parse(stdout);
  return new Map(
    resources.map(({ filename, status, msg }) => [
      Number(path.basename(filename, '.json')),
      status === 'statusValid' ? '' : `${status} ${msg}`,
    ]),
  );
}

test('objects and 4,000 mutants of them are valid here exactly when kubeconform says so', async (t) => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-validate-'));
  t.after(() => rm(scratch, { recursive: true }));
  const files = new YamlFiles();
  const kustomize = await findKustomize(() => {});
  const store = await schemaStore();
  const originals: RenderedObject[] = [];
  for (const [index, target] of (await repositoryTargets(repoRoot, files)).entries()) {
    if ('dir' in target && target.role !== 'upstream') {
      const render = await renderKustomization(kustomize, target, path.join(scratch, String(index)), files);
      originals.push(...render.objects);
    }
  }
  const example = {
    role: 'argument',
    environment: '',
    dir: path.join(repoRoot, 'policies/example'),
  } as const;
  originals.push(...(await renderKustomization(kustomize, example, path.join(scratch, 'x'), files)).objects);
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  const each = Math.ceil(4000 / originals.length);
  const objects = originals.flatMap((object) => [object, ...mutants(object, each, random)]);
  const theirs = await kubeconformRefuses(objects, store, path.join(scratch, 'objects'));
  const ours = Map.groupBy(
    checkConformance(await servedKinds(store), objects).violations,
    ({ object }) => object,
  );
  const differences = objects.flatMap((object, index) => {
    const [said, words] = [ours.get(object)?.map(({ message }) => message) ?? [], theirs.get(index)];
    return said.length > 0 === (words !== '') ? [] : [{ kind: object.id.kind, ours: said, theirs: words }];
  });
  assert.deepEqual(differences.slice(0, 10), []);
  const refused = objects.filter((object) => ours.has(object)).length;
  t.diagnostic(`${objects.length} objects, ${refused} of them refused by both`);
  assert.ok(refused > 1000 && objects.length - refused > 1000);
});

test('every departure is told, each at its field', () => {
  const schema = {
    type: 'object',
    required: ['a', 'b'],
    additionalProperties: false,
    properties: {
      a: { type: 'array', items: { type: ['integer', 'null'], minimum: 1 }, maxItems: 2 },
      b: { type: 'string' },
    },
  };
  assert.deepEqual(
    departures(schema, { a: [0, 'x', 2], c: 1 }).map(({ path, message }) => `${path.join('.')} ${message}`),
    [' lacks b', 'a.0 is 0, below 1', 'a.1 is string, not integer', 'a has 3, more than 2', 'c is no field'],
  );
});

test('a schema with a keyword that is not judged is refused when it is written', () => {
  assert.throws(() => assertJudged({ properties: { a: { contains: {} } } }), /contains/);
});

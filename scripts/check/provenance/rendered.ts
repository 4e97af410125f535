import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { FieldPath, RenderedObject } from '../model.ts';
import { findKustomize } from '../programs.ts';
import { renderKustomization } from '../render.ts';
import { YamlFiles } from '../yaml/yaml-files.ts';
import { placeOf } from './provenance.ts';

/** A base of one Deployment with two containers. */
export const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  template:
    spec:
      containers:
        - name: side
          image: side:1
        - name: web
          image: web
          command: [run]
`;

export const base = 'resources:\n  - deployment.yaml\n';

/** For tests: folders as given, rendered from `overlay`. The place of a field of the object of that KIND, or KIND/NAME. */
export async function rendered(t: TestContext, tree: Record<string, string>) {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-provenance-'));
  t.after(() => rm(root, { recursive: true }));
  for (const [file, text] of Object.entries({ 'base/deployment.yaml': deployment, ...tree })) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), text);
  }
  const kustomize = await findKustomize(() => {});
  const files = new YamlFiles();
  const target = { role: 'environment', environment: 'x', dir: path.join(root, 'overlay') } as const;
  const { objects, error } = await renderKustomization(kustomize, target, path.join(root, 'scratch'), files);
  assert.equal(error, undefined);
  return async (kind: string, ...field: FieldPath): Promise<string> => {
    const [wanted, name] = kind.split('/');
    const object = objects.find(
      ({ id }) => id.kind === wanted && (name ?? id.name) === id.name,
    ) as RenderedObject;
    assert.notEqual(object, undefined);
    const { file, line = 0 } = await placeOf({ object, path: field, message: '' }, files, objects);
    const text = (await readFile(file, 'utf8')).split('\n')[line - 1]?.trim();
    return `${path.relative(root, file)}: ${text}`;
  };
}

export const container = ['spec', 'template', 'spec', 'containers'] as const;

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lineOf, spoil } from '../check/spoilt-copy.ts';
import type { Parity, Standing } from './model.ts';
import { parity } from './parity.ts';

/** For tests: what differs between the environments of a checkout, or the named ones. */
export const found = (root: string, ...names: string[]) => parity(root, names, () => {});

/** For tests: a difference as `VALUE PLACE` of each environment, `VALUE` where no place is known, `*` before what an overlay says. */
export function row({ differences }: Parity, kind: string, name: string, field: string) {
  const difference = differences.find(
    ({ object, path: at }) => object.kind === kind && object.name === name && at === field,
  );
  assert.ok(difference, `${kind} ${name} has no row ${field}`);
  const inWords = ({ value, place, overlay }: Standing) =>
    [
      `${overlay ? '*' : ''}${value === undefined ? '-' : JSON.stringify(value)}`,
      place && `${place.file}:${place.line}`,
    ]
      .filter(Boolean)
      .join(' ');
  const { standings, intended } = difference;
  return {
    intended,
    ...Object.fromEntries(Object.entries(standings).map(([name, said]) => [name, inWords(said)])),
  };
}

/** For tests: what no overlay explains, as `KIND NAME FIELD`. */
export function unintended({ differences }: Parity): string[] {
  return differences
    .filter(({ intended }) => !intended)
    .map(({ object, path: at }) => `${object.kind} ${object.name} ${at}`);
}

/** For tests: `FILE:LINE` of the line that begins with a text. */
export async function at(root: string, file: string, text: string): Promise<string> {
  return `${file}:${await lineOf(root, file, text)}`;
}

/** For tests: an environment's kustomization. */
export const overlay = (environment: string) => `overlays/${environment}/kustomization.yaml`;

/** For tests: makes a component of base/ that every overlay, or those named, list before all they did. */
export async function component(
  root: string,
  name: string,
  text: string,
  environments = ['dev', 'staging', 'prod'],
) {
  await mkdir(path.join(root, 'base', name));
  await writeFile(
    path.join(root, 'base', name, 'kustomization.yaml'),
    `apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n${text}`,
  );
  for (const environment of environments) {
    await spoil(
      root,
      overlay(environment),
      '  - ../../base/priority\n',
      `  - ../../base/priority\n  - ../../base/${name}\n`,
    );
  }
}

/** For tests: a component's patch of what the Deployments that a selector's line finds request of memory. */
export const memory = (amount: string, target: string) => `patches:
  - target:
      kind: Deployment
      ${target}
    patch: |-
      - op: replace
        path: /spec/template/spec/containers/0/resources/requests/memory
        value: ${amount}
`;

/** For tests: the field that `memory` sets. */
export const requested = 'spec.template.spec.containers[quote-app].resources.requests.memory';

/** For tests: writes a file and the folders that it is in. */
export async function write(root: string, file: string, text: string): Promise<void> {
  await mkdir(path.dirname(path.join(root, file)), { recursive: true });
  await writeFile(path.join(root, file), text);
}

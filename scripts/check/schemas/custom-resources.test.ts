import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { check } from '../check.ts';
import { copy, spoil } from '../spoilt-copy.ts';

const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: kettles.example.org
spec:
  group: example.org
  names: {kind: Kettle, plural: kettles, singular: kettle, listKind: KettleList}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [litres]
              x-kubernetes-validations:
                - rule: self.litres <= self.?most.orValue(3)
                  messageExpression: "'holds ' + string(self.litres) + ' of at most ' + string(self.?most.orValue(3))"
                - rule: self.litres >= oldSelf.litres
                  message: must not shrink
              properties:
                litres: {type: integer}
                most: {type: integer}
                whistle:
                  type: string
                  x-kubernetes-validations:
                    - rule: self.matches('^[a-z]+$')
                      message: must be lower-case
`;

const kettle = (spec: string) =>
  `apiVersion: example.org/v1\nkind: Kettle\nmetadata:\n  name: k\n  namespace: x\nspec: ${spec}\n`;

const cases: [what: string, spec: string, found: string[]][] = [
  ['what the rules allow', '{litres: 2, whistle: tweet}', []],
  ['what a rule forbids', '{litres: 4}', ['schema: spec holds 4 of at most 3']],
  ['a rule deeper down', '{litres: 1, whistle: TWEET}', ['schema: spec.whistle must be lower-case']],
  ['a field it does not have', '{litres: 1, lid: x}', ['unknown-field: Kettle has no field spec.lid']],
  ['what is malformed, by that alone', '{most: 1}', ['schema: spec lacks litres']],
];

for (const [what, spec, expected] of cases) {
  test(`a resource of a CRD in the repository is held to its schema and its CEL rules: ${what}`, async (t) => {
    const root = await copy(t);
    await spoil(root, 'kettle.yaml', '', `${crd}---\n${kettle(spec)}`);
    const { report } = await check(root, [path.join(root, 'kettle.yaml')], () => {});
    assert.deepEqual(
      report.findings.map(({ rule, message }) => `${rule}: ${message}`),
      expected,
    );
  });
}

test('a rule of a CRD that cannot be judged here is said, never passed over', async (t) => {
  const root = await copy(t);
  const other = crd.replace("self.matches('^[a-z]+$')", 'isURL(self)');
  await spoil(root, 'kettle.yaml', '', `${other}---\n${kettle('{litres: 1, whistle: x}')}`);
  const { report } = await check(root, [path.join(root, 'kettle.yaml')], () => {});
  assert.match(report.findings[0]?.message ?? '', /isURL.*cannot be judged here/);
});

test('what has no CRD anywhere is of an unknown kind', async (t) => {
  const root = await copy(t);
  await spoil(root, 'kettle.yaml', '', kettle('{litres: 1}'));
  const { report } = await check(root, [path.join(root, 'kettle.yaml')], () => {});
  assert.deepEqual(
    report.findings.map(({ rule }) => rule),
    ['unknown-kind'],
  );
});

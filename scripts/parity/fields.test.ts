import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonMap } from '../check/model.ts';
import { fieldDifferences } from './fields.ts';

/** The labels of what differs, each with the values and the paths. */
function differ(...values: JsonMap[]) {
  return fieldDifferences(values).map(({ label, slots }) => [
    label.replace(/^\./, ''),
    ...slots.map(({ value }) => value),
  ]);
}

const port = (containerPort: number, protocol: string) => ({ containerPort, protocol });

test('list items are the same one by their merge key, in whatever order', () => {
  const [one, two] = [
    { name: 'a', image: 'a:1' },
    { name: 'b', image: 'b:1' },
  ];
  assert.deepEqual(differ({ containers: [one, two] }, { containers: [two, one] }), []);
  assert.equal(differ({ initContainers: [one, two] }, { initContainers: [two, one] }).length, 1);
  assert.deepEqual(differ({ containers: [one, two] }, { containers: [{ ...two, image: 'b:2' }, one] }), [
    ['containers[b].image', 'b:1', 'b:2'],
  ]);
  const mount = (mountPath: string, readOnly: boolean) => ({ name: 'data', mountPath, readOnly });
  assert.deepEqual(
    differ(
      { volumeMounts: [mount('/a', true), mount('/b', true)] },
      { volumeMounts: [mount('/b', true), mount('/a', false)] },
    ),
    [['volumeMounts[/a].readOnly', true, false]],
  );
});

test('where no key tells the items apart their position does, and a list of plain values is one value', () => {
  const ports = [port(53, 'TCP'), port(53, 'UDP')];
  assert.deepEqual(differ({ ports }, { ports: [port(53, 'TCP'), port(53, 'SCTP')] }), [
    ['ports[1].protocol', 'UDP', 'SCTP'],
  ]);
  assert.deepEqual(differ({ args: ['a', 'b'] }, { args: ['b', 'a'] }), [['args', ['a', 'b'], ['b', 'a']]]);
  assert.deepEqual(differ({ a: { b: 1 } }, { a: [1] }), [['a', { b: 1 }, [1]]]);
});

test('what some lack is one row, or that of its only field, and each field of it where the others differ in it', () => {
  const limits = { cpu: '1', memory: '1Gi' };
  assert.deepEqual(differ({}, { limits }, {}), [['limits', undefined, limits, undefined]]);
  assert.deepEqual(differ({ a: {} }, { a: { b: { c: 1 } } }), [['a.b.c', undefined, 1]]);
  assert.deepEqual(differ({}, { limits }, { limits: { cpu: '2', memory: '1Gi' } }), [
    ['limits.cpu', undefined, '1', '2'],
    ['limits.memory', undefined, '1Gi', '1Gi'],
  ]);
  const env = [{ name: 'A', value: '1' }];
  assert.deepEqual(differ({ env }, { env: [] }, {}), [['env[A].value', '1', undefined, undefined]]);
  assert.deepEqual(differ({ emptyDir: {} }, {}), [['emptyDir', {}, undefined]]);
  assert.deepEqual(differ({ 'example.org/a.b': 1 }, {}), [['[example.org/a.b]', 1, undefined]]);
});

test('the path of an item that is not there is behind its list, which is said', () => {
  const [field] = fieldDifferences([{ env: [{ name: 'A', value: '1' }] }, { env: [{ name: 'B' }] }]);
  const [there, absent] = field?.slots ?? [];
  assert.deepEqual(there, { value: '1', path: ['env', 0, 'value'] });
  assert.deepEqual(absent, {
    value: undefined,
    path: ['env', 1, 'value'],
    absent: { list: ['env'], item: { name: 'A', value: '1' } },
  });
});

test('equal objects do not differ, and one differs from what it was in the fields that were changed alone', () => {
  const random = (seed: number) => () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  for (let seed = 1; seed <= 200; seed += 1) {
    const next = random(seed);
    const value = (depth: number): JsonMap =>
      Object.fromEntries(
        Array.from({ length: 1 + Math.floor(next() * 3) }, (_, index) => [
          `k${index}`,
          depth === 0
            ? Math.floor(next() * 9)
            : next() < 0.4
              ? ['x', 'y'].map((name) => ({ name, ...value(depth - 1) }))
              : value(depth - 1),
        ]),
      );
    const one = value(3);
    assert.deepEqual(fieldDifferences([one, structuredClone(one), structuredClone(one)]), []);
    const other = structuredClone(one);
    const changed: string[] = [];
    const change = (here: unknown, label: string): void => {
      if (typeof here !== 'object' || here === null) {
        return;
      }
      for (const [key, child] of Object.entries(here)) {
        const step = Array.isArray(here) ? `[${['x', 'y'][Number(key)]}]` : `.${key}`;
        if (typeof child === 'number' && next() < 0.2) {
          Object.assign(here, { [key]: child + 1 });
          changed.push(label + step);
        }
        change(child, label + step);
      }
    };
    change(other, '');
    assert.deepEqual(
      fieldDifferences([one, other]).map(({ label }) => label),
      changed,
    );
  }
});

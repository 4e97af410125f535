import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMap, type Json } from '../check/model.ts';
import { applyChanges, type Change, fieldChanges, pathText, type Step } from './fields.ts';

/** Numbers from 0 to below 1 that a seed determines: mulberry32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const keys = [
  'name',
  'containers',
  'ports',
  'containerPort',
  'port',
  'protocol',
  'env',
  'value',
  'a.b/c',
  '__proto__',
  'volumeMounts',
  'mountPath',
  '0',
  'args',
];
const scalars: Json[] = [null, true, false, 0, 1, 3000, '', 'a', 'b', 'TCP', 'UDP', 'one\ntwo', '0'];

type Random = () => number;
const below = (random: Random, most: number) => Math.floor(random() * most);
const oneOf = <T>(random: Random, list: T[]): T => list[below(random, list.length)] as T;

function anyValue(random: Random, depth: number): Json {
  const kind = depth === 0 ? 0 : random();
  if (kind < 0.35) {
    return oneOf(random, scalars);
  }
  const size = below(random, 5);
  if (kind < 0.65) {
    return Array.from({ length: size }, () => anyValue(random, depth - 1));
  }
  return Object.fromEntries(
    Array.from({ length: size }, () => [oneOf(random, keys), anyValue(random, depth - 1)]),
  );
}

/** A value like another: something in it is changed, added, removed, moved, or nothing is. */
function mutated(random: Random, value: Json, depth = 0): Json {
  if (random() < 0.08) {
    return anyValue(random, 2);
  }
  if (Array.isArray(value)) {
    const list = value.filter(() => random() > 0.1).map((inner) => mutated(random, inner, depth + 1));
    if (random() < 0.2) {
      list.splice(below(random, list.length + 1), 0, anyValue(random, 2));
    }
    return random() < 0.2 ? list.sort(() => random() - 0.5) : list;
  }
  if (isMap(value)) {
    const entries = Object.entries(value).filter(() => random() > 0.1);
    const inner = entries.map(([key, one]): [string, Json] => [key, mutated(random, one, depth + 1)]);
    return Object.fromEntries(
      random() < 0.2 ? [...inner, [oneOf(random, keys), anyValue(random, 2)]] : inner,
    );
  }
  return random() < 0.1 ? oneOf(random, scalars) : value;
}

/** What is at a path of the value that was. */
function standing(value: Json, path: Step[]): Json | undefined {
  return path.reduce<Json | undefined>((current, step) => {
    if (typeof step === 'object') {
      return Array.isArray(current) ? current[step.at] : undefined;
    }
    return isMap(current) && Object.hasOwn(current, step) ? current[step] : undefined;
  }, value);
}

function holds(was: Json, is: Json, seed: number): void {
  const changes = fieldChanges(was, is);
  assert.deepEqual(applyChanges(was, changes), is, `seed ${seed}: the changes make the other side`);
  for (const change of changes) {
    if (change.was !== undefined) {
      assert.deepEqual(standing(was, change.path), change.was, `seed ${seed}: what was is what stands there`);
    }
  }
}

test('of 6000 pairs of values, the changes make the one of the other, and say what stands there', () => {
  for (let seed = 1; seed <= 6000; seed += 1) {
    const random = generator(seed);
    const was = anyValue(random, 4);
    const is = seed % 3 === 0 ? anyValue(random, 4) : mutated(random, was);
    const before = structuredClone([was, is]);
    holds(was, is, seed);
    holds(is, was, seed);
    assert.deepEqual([was, is], before, 'neither side is touched');
  }
});

test('of 3000 values, none differs from itself, whatever the order of its keys', () => {
  for (let seed = 1; seed <= 3000; seed += 1) {
    const value = anyValue(generator(seed), 5);
    assert.deepEqual(fieldChanges(value, turned(value)), []);
  }
});

function turned(value: Json): Json {
  if (Array.isArray(value)) {
    return value.map(turned);
  }
  return isMap(value)
    ? Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, inner]) => [key, turned(inner)]),
      )
    : value;
}

/** The changes as a reader sees them. */
function told(was: Json, is: Json): string[] {
  return fieldChanges(was, is).map(({ path, ...change }: Change) => {
    const order = change.order?.map(({ label }) => label).join(', ');
    const said = (value: Json | undefined) => (value === undefined ? '-' : JSON.stringify(value));
    return `${pathText(path)}: ${order ?? `${said(change.was)} → ${said(change.is)}`}`;
  });
}

test("lists of maps are aligned by Kubernetes' merge keys", () => {
  const was = {
    containers: [
      { name: 'app', image: 'a:1', ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }] },
      {
        name: 'side',
        volumeMounts: [
          { mountPath: '/a', name: 'x' },
          { mountPath: '/b', name: 'x' },
        ],
      },
    ],
  };
  const is = {
    containers: [
      { name: 'first' },
      {
        name: 'side',
        volumeMounts: [
          { mountPath: '/b', name: 'y' },
          { mountPath: '/a', name: 'x' },
        ],
      },
      { name: 'app', image: 'a:2', ports: [{ containerPort: 80, protocol: 'UDP', name: 'dns' }] },
    ],
  };
  assert.deepEqual(told(was, is), [
    'containers[side].volumeMounts[/b].name: "x" → "y"',
    'containers[side].volumeMounts: /b, /a',
    'containers[app].image: "a:1" → "a:2"',
    'containers[app].ports[80/UDP].name: - → "dns"',
    'containers[app].ports[80]: {"containerPort":80} → -',
    'containers[first]: - → {"name":"first"}',
    'containers: side, app',
  ]);
});

test('lists without keys are aligned by what is equal, and by place in between', () => {
  assert.deepEqual(told({ args: ['a', 'b', 'c', 'd'] }, { args: ['x', 'a', 'B', 'c'] }), [
    'args[1]: "b" → "B"',
    'args[3]: "d" → -',
    'args[0]: - → "x"',
  ]);
});

test('a key that is no name is quoted', () => {
  assert.deepEqual(told({ data: { 'haproxy.cfg': 'a' } }, { data: { 'haproxy.cfg': 'b' } }), [
    'data["haproxy.cfg"]: "a" → "b"',
  ]);
});

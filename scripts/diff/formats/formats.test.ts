import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Json } from '../../check/model.ts';
import type { Difference, FieldDifference, ObjectDifference } from '../model.ts';
import { markdownDifference, marker } from './markdown.ts';
import { terminalDifference } from './terminal.ts';

function object(name: string, more: Partial<ObjectDifference> = {}): ObjectDifference {
  return {
    key: `ConfigMap/${name} in dev`,
    apiVersion: 'v1',
    kind: 'ConfigMap',
    namespace: 'dev',
    name,
    state: 'changed',
    impact: 'config',
    acknowledged: false,
    fields: [],
    notes: [],
    ...more,
  };
}

function field(path: string, values: { was?: Json; is?: Json; order?: string[] }): FieldDifference {
  return { path, ...values, impact: 'config', rule: 'config' };
}

function differenceOf(...objects: ObjectDifference[]): Difference {
  const part = { name: 'dev', environment: 'dev', impact: 'config', unchanged: 2 } as const;
  return {
    from: 'abc',
    to: 'def',
    impact: 'config',
    parts: [{ ...part, state: 'changed', objects, notes: [] }],
    unacknowledged: [],
  };
}

test('a terminal has a heading for each part, and a line for each field', () => {
  const found = differenceOf(
    object('a', {
      formerName: 'b',
      fields: [
        field('data.number', { was: '1', is: 'word' }),
        field('data.added', { is: true }),
        field('data.gone', { was: '' }),
        field('list', { order: ['b', 'a'] }),
        field('data.text', { was: 'one\ntwo\nthree\n', is: 'one\n2\nthree\nfour\n' }),
        field('spec.map', { is: { name: 'a'.repeat(40), list: ['b'.repeat(20), 'c'] } }),
        field('metadata.name', { was: 'b', is: 'a' }),
      ],
    }),
    object('new', {
      state: 'added',
      notes: [{ impact: 'config', rule: 'object-added', message: 'It is there.' }],
    }),
    object('lost', {
      state: 'removed',
      impact: 'data',
      notes: [{ impact: 'data', rule: 'data-removed', message: 'this is in Git no more' }],
    }),
  );
  const unacknowledged = [{ key: 'ConfigMap/lost in dev', part: 'dev', impact: 'data' as const }];
  const text = terminalDifference({ ...found, unacknowledged }, false);
  assert.equal(
    text,
    `dev: config, 3 objects
~ ConfigMap/a in dev, which was b: config
~     data.number: "1" → word (config, config)
+     data.added: true (config, config)
-     data.gone: "" (config, config)
~     list: in the order b, a (config, config)
~     data.text: (config, config)
-       two
+       2
+       four
+     spec.map: (config, config)
+       name: ${'a'.repeat(40)}
+       list:
+         - ${'b'.repeat(20)}
+         - c
+ ConfigMap/new in dev: config (object-added)
- ConfigMap/lost in dev: data
!     this is in Git no more (data-removed)
  2 objects unchanged

abc → def: 3 objects in dev; the heaviest impact is config

Where it is meant, say so in a commit's message, each with its reason:
  Acknowledge-Impact: ConfigMap/lost in dev: WHY   (data, dev)`,
  );
  const coloured = terminalDifference({ ...found, unacknowledged }, true);
  assert.notEqual(coloured, text);
  assert.equal(stripVTControlCharacters(coloured), text);
  const none = { ...found, parts: [] };
  assert.equal(terminalDifference(none, false), 'abc → def: nothing changes of what is deployed');
});

const hostile = '</details><img src=x> @everyone #1 `````\n````` **b** \u001b[31m\u202e ::error::x';

test('what a manifest says is text in a comment, and no line of it is more than that', () => {
  const found = differenceOf(
    object(hostile, {
      key: `ConfigMap/${hostile} in dev`,
      fields: [field(hostile, { is: hostile })],
      notes: [{ impact: 'data', rule: 'refused', message: hostile }],
    }),
  );
  const [part] = found.parts;
  assert.ok(part !== undefined);
  const text = markdownDifference({
    ...found,
    to: hostile,
    parts: [{ ...part, name: hostile }],
    unacknowledged: [{ key: hostile, part: hostile, impact: 'data' }],
  });
  assert.ok(text.startsWith(`${marker}\n\n❌ `));
  // Outside fences nothing is markup; a fence ends with the line that opened it, and with no line of a manifest.
  const fences: string[] = [];
  let fence = '';
  for (const line of text.split('\n')) {
    if (fence !== '') {
      fence = line === fence ? '' : fence;
      continue;
    }
    fence = /^`{3,}/.exec(line)?.[0] ?? '';
    if (fence === '') {
      assert.doesNotMatch(line, /<img|@everyone|(?<!&)#1|(?<!\\)\*\*b/, line);
    } else {
      fences.push(fence);
    }
  }
  assert.equal(fence, '', 'each fence ends');
  assert.deepEqual(
    fences.map(({ length }) => length),
    [6, 6],
  );
  assert.equal(text.match(/<details>/g)?.length, 1);
  for (const shown of [text, terminalDifference(found, false)]) {
    assert.ok(!shown.includes('\u001b') && !shown.includes('\u202e'));
  }
});

test('a comment is no longer than GitHub takes, says what it leaves out, and leaves it out of the longest part', () => {
  const long = differenceOf(
    ...Array.from({ length: 3000 }, (_, at) =>
      object(`object-${at}`, { fields: [field('data.a', { was: 'é'.repeat(30), is: 'x' })] }),
    ),
  );
  const short = differenceOf(object('the-only-one')).parts.map((part) => ({ ...part, name: 'prod' }));
  const text = markdownDifference({ ...long, parts: [...long.parts, ...short] });
  assert.ok(text.length <= 65_536);
  assert.ok(text.length > 55_000);
  assert.match(text, /… \d+ more lines did not fit into a comment/);
  assert.match(text, /the-only-one/);
  assert.ok(text.endsWith('</details>'));
  const manyKeys = Array.from({ length: 5000 }, (_, at) => ({
    key: `A/${at}`,
    part: 'dev',
    impact: 'data' as const,
  }));
  assert.ok(markdownDifference({ ...long, unacknowledged: manyKeys }).length <= 65_536);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMap, isScalar, isSeq, parse, parseDocument } from 'yaml';
import { CannotRun } from '../cli.ts';
import { withEntry, withItem, withoutEntry, withValue, type YamlPath } from './yaml-edit.ts';

const file = 'kustomization.yaml';

/** Numbers from 0 up to 1, the same in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** A YAML text that people might have written: comments, blank lines, quotes, flow collections, block scalars. */
function someYaml(random: () => number): string {
  const pick = <T>(values: T[]): T => values[Math.floor(random() * values.length)] as T;
  const scalar = () =>
    pick(['main', '"1"', "'it''s'", '12', 'true', '~', 'a:b', '"tab\\t"', 'sha256:0ab', '']);
  const filled = () => scalar() || 'x';
  const comment = () => pick(['', '', '  # why', '   #', ' # "quoted": {x}']);
  const lines = (depth: number, indent: string): string =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, (_, index) => {
      const key = `${indent}${pick([`name${index}`, `"images${index}"`, `x.y/z${index}`])}:`;
      const before = pick(['', '', '\n', `${indent}# about it\n`]);
      const kind = depth === 0 ? 0 : Math.floor(random() * 6);
      if (kind === 1) {
        return `${before}${key}${comment()}\n${lines(depth - 1, `${indent}  `)}`;
      }
      if (kind === 2) {
        const item = () =>
          `${indent}  - ${pick(['a', 'b'])}: ${scalar()}${comment()}\n${indent}    c:   ${scalar()}\n`;
        return `${before}${key}\n${item()}${pick(['', item()])}`;
      }
      if (kind === 3) {
        return `${before}${key} {a: ${filled()}, b: [${filled()}, ${filled()}]}${comment()}\n`;
      }
      if (kind === 4) {
        return `${before}${key} ${pick(['|', '>-', '|+'])}\n${indent}  some text\n\n${indent}  more\n`;
      }
      return `${before}${key}${pick([' ', '   '])}${scalar()}${comment()}\n`;
    }).join('');
  const end = pick(['', '# the end\n']);
  const text = lines(3, '') + end;
  return random() < 0.2 ? text.replaceAll('\n', '\r\n') : text;
}

/** The path of every single value. */
function valuesOf(text: string): YamlPath[] {
  const walk = (node: unknown, path: YamlPath): YamlPath[] => {
    if (isScalar(node)) {
      return [path];
    }
    if (isMap(node)) {
      return node.items.flatMap(({ key, value }) =>
        isScalar(key) ? walk(value, [...path, String(key.value)]) : [],
      );
    }
    return isSeq(node) ? node.items.flatMap((item, index) => walk(item, [...path, index])) : [];
  };
  return walk(parseDocument(text).contents, []);
}

test('a value set in any YAML is read back as it is, and no byte outside of it and no other value changes', () => {
  const random = generator(7);
  const values = [
    'main',
    '12',
    'true',
    '',
    "it's",
    'a: b',
    '# no',
    'sha256:0ab',
    'two\nlines',
    '- x',
    ' y ',
    'ü{',
  ];
  let cases = 0;
  for (let round = 0; round < 600; round += 1) {
    const text = someYaml(random);
    for (const path of valuesOf(text)) {
      const value = values[Math.floor(random() * values.length)] as string;
      const result = withValue(text, path, value, file);
      const wanted = parseDocument(text);
      wanted.setIn(path, value);
      assert.deepEqual(parse(result), wanted.toJS(), `${text}\n${path.join('.')} = ${value}`);
      const node = parseDocument(text).getIn(path, true);
      const [start, end] = (isScalar(node) && node.range) || [0, 0];
      assert.ok(result.startsWith(text.slice(0, start)), text);
      assert.ok(result.endsWith(text.slice(end)), text);
      cases += 1;
    }
  }
  assert.ok(cases > 2000, String(cases));
});

test('a value that is set to what it is leaves the text as it is', () => {
  for (const text of ['a: main # x\n', 'a:   "main"\n', "a: 'main'\r\n", 'a: {b: main}\n']) {
    const path = text.includes('{') ? ['a', 'b'] : ['a'];
    assert.equal(withValue(text, path, 'main', file), text);
  }
});

test('an entry gives its place to another: key and value change, what stands around them does not', () => {
  const text =
    'images: # ours\n  - name: quote-app\n    newTag:   main # follows\n  - {name: other, newTag: "1"}\n';
  assert.equal(
    withEntry(text, ['images', 0, 'newTag'], 'digest', 'sha256:ab', file),
    text.replace('newTag:   main', 'digest:   sha256:ab'),
  );
  assert.equal(
    withEntry(text, ['images', 1, 'newTag'], 'digest', 'sha256:ab', file),
    text.replace('newTag: "1"', 'digest: "sha256:ab"'),
  );
});

test('an entry is taken out with its line, and not where it shares the line', () => {
  const text = 'images:\n  - name: a\n    newTag: main # gone\n    digest: b\n';
  assert.equal(
    withoutEntry(text, ['images', 0, 'newTag'], file),
    text.replace('    newTag: main # gone\n', ''),
  );
  assert.throws(() => withoutEntry('a: {b: c}\n', ['a', 'b'], file), {
    message: 'kustomization.yaml: a.b shares its line with others: give it one of its own.',
  });
});

test('an item is added at the end of a list in its form, or with the list at the end of the text', () => {
  const item = { name: 'x', digest: 'sha256:ab' };
  assert.equal(
    withItem(
      'images:\n- name: a # first\n  newTag: "1" # one\n# after\nnamespace: dev',
      'images',
      item,
      file,
    ),
    'images:\n- name: a # first\n  newTag: "1" # one\n- name: x\n  digest: sha256:ab\n# after\nnamespace: dev',
  );
  assert.equal(
    withItem('namespace: dev', 'images', item, file),
    'namespace: dev\nimages:\n  - name: x\n    digest: sha256:ab\n',
  );
  assert.throws(() => withItem('images: [{name: a}]\n', 'images', item, file), CannotRun);
});

test('what cannot be set without setting more is refused, with the file and the field', () => {
  const refused = (text: string, path: YamlPath, message: RegExp) =>
    assert.throws(() => withValue(text, path, 'x', file), { name: 'CannotRun', message });
  refused('a: &b main\nc: *b\n', ['a'], /^kustomization.yaml: a is shared by an anchor/);
  refused('a: &b main\nc: *b\n', ['c'], /^kustomization.yaml: c is shared by an anchor/);
  refused('a: main\n', ['b'], /^kustomization.yaml: b is missing/);
  refused('a: {b: c}\n', ['a'], /^kustomization.yaml: a is no single value/);
  refused('a: [\n', ['a'], /^kustomization.yaml: .* Mend that/);
});

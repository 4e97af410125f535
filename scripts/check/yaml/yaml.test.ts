import assert from 'node:assert/strict';
import { glob, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { CannotRun } from '../../cli.ts';
import { repoRoot } from '../../paths.ts';
import { moduleFile } from '../../tools/go-modules.ts';
import type { FieldPath, Json } from '../model.ts';
import { FullYaml, resolveScalar } from './full-yaml.ts';
import { fullOf, locateIn } from './places.ts';
import { NotPlain } from './plain-scalars.ts';
import { readPlainYaml } from './plain-yaml.ts';
import { YamlFile } from './yaml-files.ts';

/** The value by the plain reader; 'left' where it leaves the text to the full parser. */
function plainly(text: string): unknown {
  try {
    return readPlainYaml(text, resolveScalar);
  } catch (error) {
    assert.ok(error instanceof NotPlain, String(error));
    return 'left';
  }
}

/** Whether the plain reader read the text. @throws when it read another value than the full parser */
function same(text: string): boolean {
  const value = plainly(text);
  if (value === 'left') {
    return false;
  }
  const full = new FullYaml(text, 1);
  assert.deepEqual(full.problems, [], text);
  assert.deepEqual(value, full.values[0], text);
  return true;
}

async function corpus(): Promise<string[]> {
  const patterns = ['apps', 'argocd', 'base', 'cloudnative-pg', 'overlays', 'policies', 'test'].map(
    (dir) => `${dir}/**/*.yaml`,
  );
  const files = await Array.fromAsync(glob(patterns, { cwd: repoRoot }));
  const install = await moduleFile('cluster', 'github.com/argoproj/argo-cd/v3', 'manifests/install.yaml');
  const texts = await Promise.all(
    [...files.map((file) => path.join(repoRoot, file)), install].map((file) => readFile(file, 'utf8')),
  );
  return texts.flatMap((text) => text.split(/^---$/m));
}

test('the plain reader gives what the full parser gives, for nearly all that people and Kustomize write', async () => {
  const texts = await corpus();
  const read = texts.filter(same).length;
  assert.ok(read / texts.length > 0.95, `${read} of ${texts.length}`);
});

test('the plain reader gives what the full parser gives, or leaves it, for texts with a mistake in them', async () => {
  const texts = (await corpus()).filter((text) => text.length < 3000);
  const bits = [
    ...[
      ' ',
      '  ',
      '- ',
      ': ',
      ':',
      '#',
      ' #',
      '"',
      "'",
      '[',
      ']',
      '{',
      '}',
      ',',
      '|',
      '>-',
      '|+',
      '&a ',
      '*a',
    ],
    ...[
      '\n',
      '\n\n',
      'y',
      'No',
      '0x1f',
      '0o7',
      '017',
      '1_000',
      '1e3',
      '.5',
      '+1',
      '-0',
      '~',
      '!x ',
      '? ',
      '%',
      '@',
    ],
    ...['<<', '.inf', '2001-01-01', '1:30', 'a: b', '- - ', '\\n', '\u00e4'],
  ];
  // A generator of our own: the same texts in every run.
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  let read = 0;
  for (let round = 0; round < 6000; round += 1) {
    const text = texts[random(texts.length)] ?? '';
    const at = random(text.length + 1);
    const gone = random(4);
    const bit = bits[random(bits.length)] ?? '';
    read += same(text.slice(0, at) + bit + text.slice(at + gone)) ? 1 : 0;
  }
  assert.ok(read > 1000, `${read} of 6000 read`);
});

/** Every path of a value. */
function paths(value: Json, path: FieldPath = []): FieldPath[] {
  const below = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [
    path,
    ...below.flatMap(([key, field]) => paths(field, [...path, Array.isArray(value) ? Number(key) : key])),
  ];
}

test('a place by the plain reader is the one by the full parser, for every field there is and one that is not', async () => {
  let compared = 0;
  for (const text of (await corpus()).filter((text) => text.length < 6000)) {
    const value = plainly(text) as Json;
    for (const path of value === 'left' || value === undefined ? [] : paths(value)) {
      for (const asked of [path, [...path, 'none']]) {
        const part = () => ({ text, firstLine: 7, values: [value], problems: [] });
        const full = part();
        fullOf(full);
        assert.deepEqual(
          locateIn(part(), 0, asked, value),
          locateIn(full, 0, asked, value),
          `${asked} of ${text}`,
        );
        compared += 1;
      }
    }
  }
  assert.ok(compared > 5000, `${compared} compared`);
});

const forms = [
  'a: [1, "two", {three: 3}, [], {}]',
  'a: {b: c, "d": [e]}\nf: g # not h',
  'a:\n- 1\n- b: 2\n  c: 3\n-\n  - nested\n- - 4\n  - 5',
  "a: 'it''s' # said\nb: \"tab\\t\\u00e4\"",
  'a: |\n  one\n\n   two\n\nb: |-\n  x\n  # no comment\nc: |+\n  y\n\n',
  'a: >-\n  one\n  two\n\n  three\nb: >\n  four\n  five\n',
  'a:\nb: ~\nc: null\nd: ""',
  'yes: 1',
  'a: yes\nb: off\nc: 0644\nd: 64Mi\ne: 1.5\nf: -3\ng: 1e3\nh: 22:22\ni: 2001-12-14',
  'a: http://x/y\nb: c:d\n"e: f": g',
  'a: x\n  y',
  'a: b: c',
  'a: 1\na: 2',
  '- a\n- b\n',
  '# only this\n',
  'just a scalar',
];

for (const form of forms) {
  test(`the plain reader agrees on or leaves ${JSON.stringify(form)}`, () => {
    same(form);
  });
}

test('what has no digit is no number, whatever else it looks like', () => {
  const text = 'a: .\nb: +.\nc: .e5\nd: ._\ne: .5\nf: 1.\ng: -.5\nh: [., 1.5]\n';
  const expected = { a: '.', b: '+.', c: '.e5', d: '._', e: 0.5, f: 1, g: -0.5, h: ['.', 1.5] };
  assert.deepEqual(new YamlFile('x', text).values(), [expected]);
  assert.deepEqual(new FullYaml(text, 1).values, [expected]);
});

test('documents are cut at ---, and their lines counted in the whole text', () => {
  const file = new YamlFile('x', '# first\n---\na: 1\n---\n\nb:\n  c: &x [2]\n--- # more\nd: 3\n');
  assert.deepEqual(file.values(), [{ a: 1 }, { b: { c: [2] } }, { d: 3 }]);
  assert.deepEqual(
    [file.locate(0, ['a']), file.locate(1, ['b', 'c']), file.locate(2, ['d'])].map(({ line, column }) => [
      line,
      column,
    ]),
    [
      [3, 1],
      [7, 3],
      [9, 1],
    ],
  );
});

test('hostile YAML is a problem with its line, in bounded time', () => {
  const laughs = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (let at = 1; at < 12; at += 1) {
    const [one, other] = [at - 1, at].map((nth) => String.fromCharCode(97 + nth));
    laughs.push(`${other}: &${other} [${Array(9).fill(`*${one}`).join(', ')}]`);
  }
  const hostile = {
    'aliases upon aliases': laughs.join('\n'),
    'an alias inside what it names': 'a: &a [*a]',
    'lists without end': '['.repeat(200_000),
    'items without end': '- '.repeat(100_000),
    'a document above what the API takes': `a: &x 1\nb: ${'y'.repeat(4 * 1024 * 1024)}`,
    'what is no text': '\u0000\u0001\ufffd: [',
  };
  for (const [what, text] of Object.entries(hostile)) {
    const file = new YamlFile('x', text);
    assert.notEqual(file.problems.length, 0, what);
    assert.deepEqual(file.values(), [], what);
  }
});

test('a file that is too large is refused before it is read, and a folder too', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-yaml-'));
  t.after(() => rm(folder, { recursive: true }));
  const large = path.join(folder, 'large.yaml');
  await writeFile(large, 'a: 1\n');
  await truncate(large, 100 * 1024 * 1024);
  await assert.rejects(
    YamlFile.read(large),
    (error) => error instanceof CannotRun && /large/.test(error.message),
  );
  await assert.rejects(YamlFile.read(folder), CannotRun);
  await assert.rejects(YamlFile.read(path.join(folder, 'none.yaml')), CannotRun);
});

test('what stands in a block scalar has the line and the column that it has in the file', () => {
  const text =
    'patches:\n  - patch: |-\n\n      # first\n      a:\n        - b: 1\n  - patch: |2\n        c: 1\n  - patch: "d: 1"\n';
  const file = new YamlFile('f.yaml', text);
  const at = (index: number, ...path: (string | number)[]) => {
    const { line, column } = file.inner(0, ['patches', index, 'patch'])?.locate(0, path) ?? {
      line: 0,
      column: 0,
    };
    return text.split('\n')[line - 1]?.slice(column - 1);
  };
  assert.equal(at(0, 'a', 0, 'b'), 'b: 1');
  assert.equal(at(1, 'c'), 'c: 1');
  assert.equal(file.inner(0, ['patches', 2, 'patch'])?.locate(0, ['d']).line, 9);
});

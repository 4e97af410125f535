import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { pinIn, withDigest } from './pin.ts';

const digest = `sha256:${'a'.repeat(64)}`;

test('a digest takes the place of a tag or of another digest, and nothing else changes', () => {
  const before = `# why
resources:
  - ../../base/quote-app # ours
images:
  - name: other
    newTag: "1"
  - name: quote-app
    newTag: main
`;
  const pinned = withDigest(before, digest);
  assert.equal(pinned, before.replace('newTag: main', `digest: ${digest}`));
  assert.equal(withDigest(pinned, digest), pinned);
});

test('an overlay that names no image gets one', () => {
  assert.deepEqual(parse(withDigest('namespace: dev\n', digest)), {
    namespace: 'dev',
    images: [{ name: 'quote-app', digest }],
  });
});

test('a digest takes the place of a tag and a digest that stand together', () => {
  const both = 'images:\n  - name: quote-app # ours\n    newTag: main\n    digest: sha256:0\n';
  assert.equal(withDigest(both, digest), `images:\n  - name: quote-app # ours\n    digest: ${digest}\n`);
});

test('an image that says neither is refused, with its place', () => {
  assert.throws(() => withDigest('images:\n  - name: quote-app\n    newName: x\n', digest), {
    name: 'CannotRun',
    message: 'kustomization.yaml: images[0] has neither newTag nor digest: give it one of them.',
  });
});

test('what a kustomization pins is a digest, a tag, or not known', () => {
  assert.deepEqual(pinIn(`images:\n  - {name: quote-app, newTag: main, digest: "${digest}"}\n`), { digest });
  assert.deepEqual(pinIn('images:\n  - {name: quote-app, newTag: main}\n'), { tag: 'main' });
  assert.deepEqual(pinIn('images:\n  - {name: quote-app}\n'), { tag: 'latest' });
  for (const text of ['namespace: dev\n', 'images: [\n', '']) {
    assert.equal(pinIn(text), undefined);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { withDigest } from './app-image.ts';

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

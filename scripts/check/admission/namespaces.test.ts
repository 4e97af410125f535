import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonMap, RenderedObject, Role } from '../model.ts';
import { renderedNamespaces } from './namespaces.ts';
import { labelsOf } from './selectors.ts';

function namespace(role: Role, labels?: JsonMap): RenderedObject {
  const metadata = { name: 'dev', ...(labels !== undefined && { labels }) };
  return {
    target: { role, environment: role === 'environment' ? 'dev' : '', dir: '/' },
    apiVersion: 'v1',
    id: { kind: 'Namespace', namespace: '', name: 'dev' },
    value: { apiVersion: 'v1', kind: 'Namespace', metadata },
    source: '/',
  };
}

test('a namespace that two renders apply has the labels of both, whichever comes first, and its environment goes before', () => {
  const own = namespace('environment', { part: 'of', level: 'restricted' });
  const expected = { 'kubernetes.io/metadata.name': 'dev', part: 'of', level: 'restricted', rights: 'yes' };
  for (const another of [
    namespace('upstream', { rights: 'yes' }),
    namespace('upstream', { rights: 'yes', level: 'baseline' }),
  ]) {
    for (const objects of [
      [own, another],
      [another, own],
    ]) {
      assert.deepEqual(labelsOf(renderedNamespaces(objects).get('dev') ?? {}), expected);
    }
  }
  assert.equal(labelsOf(renderedNamespaces([own, namespace('upstream')]).get('dev') ?? {}).part, 'of');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Activation, celValue, compile, reason } from './cel.ts';

const activation = (object: unknown): Activation => ({
  object: celValue(object as never),
  oldObject: null,
  request: null,
  namespaceObject: null,
  params: null,
  variables: {},
});

const many = activation({ items: Array.from({ length: 2000 }, (_, index) => index) });

function outcome(source: string, on = many): unknown {
  try {
    return compile(source, 'dyn').evaluate(on);
  } catch (error) {
    return reason(error);
  }
}

const tooMany = /^it takes more than 1,000,000 steps/;

test('a loop within a loop ends in an error when it takes too many steps, whatever would come of it', () => {
  for (const source of [
    'object.items.all(a, object.items.all(b, object.items.all(c, a + b + c >= 0)))',
    'object.items.exists(a, object.items.exists(b, a + b < 0))',
    'object.items.map(a, object.items.filter(b, a == b)).size() > 0',
    'object.items.exists_one(a, object.items.exists_one(b, a == b))',
    'object.items.all(a, object.items.all(b, object.items.exists(c, c == 1999))) || true',
  ]) {
    assert.match(String(outcome(source)), tooMany, source);
  }
});

test('what grows by doubling ends in an error before it fills the memory', () => {
  const mapped = Array.from({ length: 40 }).reduce<string>(
    (all) => `[${all}].map(x, x + x)[0]`,
    '"xxxxxxxx"',
  );
  assert.match(String(outcome(mapped)), tooMany);
});

test('a loop that is not too long is judged, and each evaluation has steps of its own', () => {
  const expression = compile('object.items.all(a, object.items.exists(b, b == a || b > 400))', 'dyn');
  for (let time = 0; time < 3; time += 1) {
    assert.equal(expression.evaluate(activation({ items: [1, 2, 3, 500] })), true);
  }
  assert.equal(outcome('object.items.all(a, a >= 0)'), true);
});

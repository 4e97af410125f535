import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareRows, longestWithoutWrites, type Write } from './writer.ts';

const write = (text: string, ended: number, status: number, id?: number): Write => ({
  text,
  at: ended,
  ended,
  status,
  id,
});

test('the longest time without writes is between two that were acknowledged, whatever was refused between', () => {
  const writes = [
    write('a', 0, 201, 1),
    write('b', 100, 201, 2),
    write('c', 2000, 503),
    write('d', 4100, 201, 3),
    write('e', 4200, 201, 4),
  ];
  assert.equal(longestWithoutWrites(writes), 4);
  assert.equal(longestWithoutWrites([]), 0);
});

test('an acknowledged row that is not there under its id is lost; one that was refused may be there or not', () => {
  const writes = [write('a', 0, 201, 1), write('b', 1, 201, 2), write('c', 2, 503), write('d', 3, 0)];
  const rows = [
    { id: 1, text: 'a' },
    { id: 2, text: 'another' },
    { id: 3, text: 'c' },
  ];
  const { lost, duplicated } = compareRows(writes, rows);
  assert.deepEqual(
    lost.map(({ text }) => text),
    ['b'],
  );
  assert.deepEqual(duplicated, []);
});

test('a row that is there twice is named, acknowledged or not', () => {
  const rows = [
    { id: 1, text: 'a' },
    { id: 2, text: 'a' },
  ];
  assert.deepEqual(compareRows([write('a', 0, 503)], rows).duplicated, ['a']);
});

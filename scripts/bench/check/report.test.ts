import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckBenchmark, Result } from '../check.ts';
import { own } from './contestants.ts';
import { asJson, document, tables } from './report.ts';
import { type ComparedRule, ruleNames } from './rules.ts';
import type { Agreement } from './verdicts.ts';

const right: Agreement = { seeded: 10, missed: [], besides: [] };

/** A result of that many seconds and MiB in each of three rounds; `odd` are the rules it judges otherwise. */
function result(tool: string, seconds: number, mebibytes: number, odd: ComparedRule[] = []): Result {
  const rules = ruleNames.filter((rule) => tool !== 'kyverno' || rule !== 'unknown-field');
  const wrong: Agreement = {
    seeded: 10,
    missed: ['Deployment/a'],
    besides: ['Deployment/b', 'Deployment/c'],
  };
  const round = { seconds, bytes: mebibytes * 2 ** 20 };
  return {
    tool,
    verdicts: new Map(rules.map((rule) => [rule, odd.includes(rule) ? wrong : right])),
    rounds: [round, { ...round, seconds: seconds * 2 }, round],
  };
}

const results = [result(own, 4, 100), result('kube-score', 1, 50, ['image-tag']), result('kyverno', 8, 300)];
const benchmark: CheckBenchmark = {
  machine: {
    processor: '2 cores',
    memory: '8 GiB',
    system: 'Debian',
    load: '0.1',
    go: 'go1',
    commit: 'abc',
    date: '2026-01-02',
  },
  tools: results.map(({ tool }) => ({ name: tool, versions: 'v1', rules: ruleNames, programs: () => [] })),
  sizes: [{ objects: 1000, bytes: 1e6, seeded: 10, rounds: 3, results }],
};

const cellsOf = (text: string, first: string) =>
  (text.split('\n').find((line) => line.startsWith(`| ${first} `)) ?? '')
    .split('|')
    .slice(2, -1)
    .map((cell) => cell.trim());

test('a row has the median, the 95th percentile, and the ratio to ours', () => {
  const text = tables(benchmark);
  assert.deepEqual(cellsOf(text, own), [
    '12 of 12',
    '4.00 s',
    '8.00 s',
    '1.00 ×',
    '100 MiB',
    '100 MiB',
    '1.00 ×',
  ]);
  assert.deepEqual(cellsOf(text, 'kyverno').slice(1, 4), ['8.00 s', '16.00 s', '2.00 ×']);
});

test('a rule that a tool judges otherwise is not counted, and what it named is told', () => {
  const text = tables(benchmark);
  assert.equal(cellsOf(text, 'kube-score')[0], '11 of 12');
  assert.deepEqual(cellsOf(text, 'image-tag'), ['✓', '9 of 10, 2 others', '✓']);
});

test('a rule that a tool does not have is a dash', () => {
  assert.deepEqual(cellsOf(tables(benchmark), 'unknown-field'), ['✓', '✓', '–']);
});

test('a tool without any right verdict is not compared', () => {
  const lost = { ...result('kyverno', 8, 300, ruleNames), rounds: [] };
  const text = tables({ ...benchmark, sizes: benchmark.sizes.map((size) => ({ ...size, results: [lost] })) });
  assert.equal(cellsOf(text, 'kyverno')[0], 'not compared');
});

test('the document says where ours is slower and where it is faster', () => {
  const text = document(benchmark, 'npm run bench -- check --write');
  assert.match(
    text,
    /the check takes 4\.00 s: 4\.0 times the time of kube-score, 2\.0 times as fast as kyverno\./,
  );
  assert.match(text, /on 2026-01-02 at commit abc/);
});

test('a difference below 5 % is called none', () => {
  const alike = [result(own, 4, 100), result('kyverno', 4.1, 100)];
  const sizes = benchmark.sizes.map((size) => ({ ...size, results: alike }));
  assert.match(document({ ...benchmark, sizes }, ''), /takes 4\.00 s: about the time of kyverno\./);
});

test('the JSON has every round and every object judged otherwise', () => {
  const { sizes } = JSON.parse(asJson(benchmark));
  assert.equal(sizes[0].results[1].rounds.length, 3);
  assert.deepEqual(sizes[0].results[1].verdicts['image-tag'].missed, ['Deployment/a']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countsOf, requestMetrics, requestsBetween, together } from './requests.ts';
import { samplesOf } from './samples.ts';

const name = 'http_request_duration_seconds';

/** What a pod says after so many answers within 10 ms, 100 ms, and more. */
function said(fast: number, slow: number, slowest: number, failed = 0): string {
  const labels = 'route="/api/quotes",method="GET",status="200"';
  return [
    `# TYPE ${name} histogram`,
    `${name}_bucket{le="0.01",${labels}} ${fast}`,
    `${name}_bucket{le="0.1",${labels}} ${fast + slow}`,
    `${name}_bucket{le="+Inf",${labels}} ${fast + slow + slowest}`,
    `${name}_sum{${labels}} 12.5`,
    `${name}_count{${labels}} ${fast + slow + slowest}`,
    `${name}_bucket{le="+Inf",route="/livez",method="GET",status="200"} 1000`,
    `${name}_count{route="/livez",method="GET",status="200"} 1000`,
    `${name}_count{route="/api/quotes",method="POST",status="503"} ${failed}`,
  ].join('\n');
}

const counts = (text: string, at: number) => countsOf(samplesOf(text, requestMetrics), at);

test('requests are counted between two looks, probes left out, failures apart', () => {
  const requests = requestsBetween(counts(said(10, 0, 0), 0), counts(said(100, 10, 0, 20), 2000));
  assert.equal(requests?.perSecond, 60);
  assert.equal(requests?.failedPerSecond, 10);
});

test('the 95th percentile lies within its bucket, in proportion', () => {
  const of = (text: string) => requestsBetween(counts(said(0, 0, 0), 0), counts(text, 1000))?.p95;
  assert.equal(of(said(100, 0, 0))?.toFixed(4), '0.0095');
  assert.equal(of(said(90, 10, 0))?.toFixed(3), '0.055');
  // Beyond the last bound nothing is known but the bound.
  assert.equal(of(said(0, 0, 10)), 0.1);
  assert.equal(of(said(0, 0, 0)), undefined);
});

test('counters that began anew say nothing', () => {
  assert.equal(requestsBetween(counts(said(10, 0, 0), 0), counts(said(2, 0, 0), 1000)), undefined);
});

test("pods are added up, and the slowest one's percentile stands for all", () => {
  const pods = [
    { perSecond: 2, failedPerSecond: 1, p95: 0.5 },
    { perSecond: 3, failedPerSecond: 0, p95: 0.25 },
    { perSecond: 0, failedPerSecond: 0 },
  ];
  assert.deepEqual(together(pods), { perSecond: 5, failedPerSecond: 1, p95: 0.5 });
});

test('samples are read with their labels, escapes and special values', () => {
  const text = String.raw`a{path="C:\\x",said="\"hi\"\n"} +Inf 1700000000000
b 1e-3
# a 5
c 7
`;
  assert.deepEqual(samplesOf(text, ['a', 'b']), [
    { name: 'a', labels: { path: 'C:\\x', said: '"hi"\n' }, value: Number.POSITIVE_INFINITY },
    { name: 'b', labels: {}, value: 0.001 },
  ]);
});

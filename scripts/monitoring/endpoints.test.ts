import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../service/src/metrics.ts';
import { endpoints } from './endpoints.ts';
import { queries, selectorsIn } from './queries.ts';
import { rules } from './rules.ts';

/** Prometheus's own. */
const own = ['up'];

test('what alerts and dashboard read is what some endpoint serves or a rule records, and all of that is read', async () => {
  const recorded = (await rules()).flatMap(({ record }) => record ?? []);
  const served = endpoints.flatMap(({ metrics }) => metrics);
  const read = (await queries()).flatMap(({ where, expr }) =>
    selectorsIn(expr).map(({ metric }) => ({ where, metric })),
  );
  const known = new Set([...served, ...recorded, ...own]);
  assert.deepEqual(
    read.filter(({ metric }) => !known.has(metric)),
    [],
  );
  const names = new Set(read.map(({ metric }) => metric));
  assert.deepEqual(
    [...served, ...recorded].filter((metric) => !names.has(metric)),
    [],
  );
  assert.equal(new Set(served).size, served.length, 'a metric is in the list twice');
});

test('a job that a query names is one that a monitor makes', async () => {
  const jobs = endpoints.map(({ job }) => job);
  for (const { where, expr } of await queries()) {
    for (const { matchers } of selectorsIn(expr)) {
      for (const { op, value } of matchers.filter(({ label }) => label === 'job')) {
        const fits = op === '=~' ? new RegExp(`^(?:${value})$`) : new RegExp(`^${RegExp.escape(value)}$`);
        assert.ok(
          jobs.some((job) => fits.test(job)),
          `${where} asks the job ${value}, which is none`,
        );
      }
    }
  }
});

test("quote-app's metrics are those of its registry, and 250 ms is a bucket of its histogram", async () => {
  const { registry, duration } = createMetrics(
    { name: '', pod: '', version: '', revision: '', environment: '' },
    () => [],
  );
  duration.observe({ route: '/', method: 'GET', status: '200' }, 0.1);
  const text = await registry.metrics();
  const families = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' ? ['_bucket', '_count', '_sum'].map((suffix) => `${name}${suffix}`) : [name],
  );
  const listed = endpoints.find(({ job }) => job === 'quote-app')?.metrics ?? [];
  assert.deepEqual(
    listed.filter((metric) => !families.includes(metric)),
    [],
  );
  assert.match(text, /^http_request_duration_seconds_bucket\{le="0\.25",/m);
});

test('an expression that does not parse, or asks for every metric there is, is not read over', () => {
  assert.throws(() => selectorsIn('sum(rate(x[5m])'), /does not parse from its character 15/);
  assert.throws(() => selectorsIn('count({job="quote-app"})'), /names no metric/);
});

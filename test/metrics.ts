import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { execa } from 'execa';
import { processesOfPod } from '../scripts/cluster/cgroups.ts';
import { clusterLayout } from '../scripts/cluster/layout.ts';
import { type Endpoint, endpoints } from '../scripts/monitoring/endpoints.ts';
import { promtool } from '../scripts/monitoring/promtool.ts';
import { queries, type Selector, selectorsIn } from '../scripts/monitoring/queries.ts';
import { repoRoot } from '../scripts/paths.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';

type Sample = { metric: string; labels: Map<string, string> };

/** Labels that Prometheus adds to what it scrapes. */
const added = new Set(['job', 'namespace', 'pod']);

/**
 * What alerts and dashboard read is served by the cluster. What is not found by its pods is read where `elsewhere`
 * says, by its job; without an entry there it is left out, and the diagnostics say so.
 */
export function servedMetrics(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Pick<Rehearsal, 'kubectl' | 'cluster'>,
  elsewhere: Record<string, () => Promise<string>> = {},
): void {
  for (const endpoint of endpoints) {
    const { job, metrics } = endpoint;
    promise(`${job} serves what the alerts and the dashboard read of it, label by label`, async (t) => {
      const read = elsewhere[job];
      if (endpoint.pods === undefined && read === undefined) {
        t.skip(`nothing says where ${job} is`);
        return;
      }
      const texts = read === undefined ? await scrape(rehearsal(), endpoint) : [await read()];
      const samples: Sample[] = [];
      for (const text of texts) {
        // 3: it parses, and its names are not as Prometheus would have them.
        const { exitCode, output } = await promtool(repoRoot, ['check', 'metrics'], `${text}\n`);
        assert.ok(exitCode === 0 || exitCode === 3, output);
        samples.push(...samplesIn(text));
      }
      t.diagnostic(`${texts.length} read, ${samples.length} samples`);
      const asked = (await queries()).flatMap(({ where, expr }) =>
        selectorsIn(expr).map((selector) => ({ where, selector })),
      );
      const missing = metrics.filter((metric) => !samples.some((sample) => sample.metric === metric));
      assert.deepEqual(missing, [], `${job} does not serve these`);
      const unlike = asked
        .filter(({ selector }) => metrics.includes(selector.metric))
        .flatMap(({ where, selector }) => unserved(selector, samples).map((label) => `${where}: ${label}`));
      assert.deepEqual(unlike, [], `${job} has no such labels`);
    });
  }
}

type Found = { metadata: { name: string; uid: string }; status: { podIP?: string } };

/** What each pod of an endpoint serves, asked from another pod's network, as Prometheus asks: no NetworkPolicy is passed by. */
async function scrape(
  { kubectl, cluster }: Pick<Rehearsal, 'kubectl' | 'cluster'>,
  { job, pods }: Endpoint,
): Promise<string[]> {
  const running = async (namespace: string, labels: string) => {
    const list = ['get', 'pods', `--namespace=${namespace}`, `--selector=${labels}`];
    const found = await kubectl.json<{ items: Found[] }>([...list, '--field-selector=status.phase=Running']);
    return found?.items ?? [];
  };
  const [asking] = await running('kube-system', 'k8s-app=metrics-server');
  const [pid] = await processesOfPod(clusterLayout(cluster), asking?.metadata.uid ?? '');
  const texts: string[] = [];
  for (const namespace of pods?.namespaces ?? []) {
    const found = await running(namespace, pods?.labels ?? '');
    assert.notEqual(found.length, 0, `${namespace} has no pod of ${job}`);
    for (const { metadata, status } of found) {
      const curl = ['curl', '--silent', '--fail', '--max-time', '10'];
      const url = `http://${status.podIP}:${pods?.port}/metrics`;
      const answer = await execa('nsenter', [`--net=/proc/${pid}/ns/net`, '--', ...curl, url], {
        reject: false,
      });
      assert.ok(!answer.failed, `${metadata.name} does not answer at ${pods?.port}: curl ${answer.exitCode}`);
      texts.push(answer.stdout);
    }
  }
  return texts;
}

/** The samples of the text format: https://prometheus.io/docs/instrumenting/exposition_formats */
function samplesIn(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, metric, labels = ''] = /^([\w:]+)(?:\{(.*)\})? /.exec(line) ?? [];
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    return metric === undefined
      ? []
      : [{ metric, labels: new Map(pairs.map(([, name = '', value = '']) => [name, value])) }];
  });
}

/**
 * The matchers of a selector that no sample of its metric has the label for, or the value that must be. What may match
 * nothing at the moment, such as a failure, needs its label alone.
 */
function unserved({ metric, matchers }: Selector, samples: Sample[]): string[] {
  const own = samples.filter((sample) => sample.metric === metric);
  return matchers
    .filter(({ label }) => !added.has(label))
    .filter(({ label, op, value }) =>
      own.every(({ labels }) => (op === '=' ? labels.get(label) !== value : !labels.has(label))),
    )
    .map(({ label, op, value }) => `${metric}{${label}${op}"${value}"}`);
}

import { CannotRun } from '../cli.ts';
import { clusterLayout } from '../cluster/layout.ts';
import { clusterReference } from '../cluster-reference.ts';
import { type Kubectl, kubectlFor } from '../gitops/kubectl.ts';
import { ofQuotes } from '../gitops/status.ts';
import { markdownTable } from '../markdown-table.ts';
import { statusPagePort } from '../start/status-page.ts';
import { samplesOf } from '../status-page/samples.ts';
import { until } from '../until.ts';
import { quantile } from './quantile.ts';

/** What the status page of a running cluster took with so many objects in it. */
export type PageUse = {
  /** Objects that the page watched. */
  objects: number;
  /** Bytes of memory that its process held. */
  memory: number;
  /** Seconds to the whole page, median and worst. */
  load: [median: number, worst: number];
  /** Seconds from a scale by hand, acknowledged by the API server, until a client was sent it, median and worst. */
  seen: [median: number, worst: number];
};

const namespace = 'bench-page';
/** Of what is made: so many in a hundred are pods, which no scheduler may place. */
const podShare = 10;
const rounds = 20;

/** Measures the page of the embedded cluster of that name as it is, and with more objects, which are taken away again. */
export async function benchPage(cluster: string, more: number): Promise<PageUse[]> {
  const kubectl = await kubectlFor(clusterReference({ name: cluster }));
  const url = await urlOf(cluster);
  const before = await measure(kubectl, url);
  try {
    await make(kubectl, more);
    const seconds = await until(
      'the page knows them',
      async () => (await metric(url, 'quotes_watched_objects')) >= before.objects + more,
      120,
    );
    process.stderr.write(`the page knows them ${seconds.toFixed(1)} s later\n`);
    return [before, await measure(kubectl, url)];
  } finally {
    process.stderr.write(`deleting namespace ${namespace} (usually 1 min)\n`);
    await kubectl(['delete', 'namespace', namespace, '--ignore-not-found', '--wait=true']);
  }
}

async function urlOf(cluster: string): Promise<string> {
  const port = await statusPagePort(clusterLayout(cluster));
  if (port === undefined) {
    throw new CannotRun(`The cluster "${cluster}" has no status page: "npm start" gives it one.`);
  }
  return `http://127.0.0.1:${port}`;
}

/** By five hundreds: kubectl says nothing before it is done. */
async function make(kubectl: Kubectl, count: number): Promise<void> {
  await kubectl.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
  const [label = '', value = ''] = ofQuotes.split('=');
  for (let from = 0; from < count; from += 500) {
    process.stderr.write(`${from} of ${count} objects made (usually 3 min)\n`);
    const items = Array.from({ length: Math.min(500, count - from) }, (_, index) => {
      const metadata = { namespace, name: `made-${from + index}`, labels: { [label]: value } };
      return index % 100 < podShare
        ? {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata,
            spec: {
              schedulingGates: [{ name: 'example.org/never' }],
              containers: [{ name: 'never', image: 'example.org/never' }],
            },
          }
        : { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { key: 'value'.repeat(20) } };
    });
    await kubectl(['create', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  }
}

async function measure(kubectl: Kubectl, url: string): Promise<PageUse> {
  const loads: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const begun = performance.now();
    await (await fetch(url)).text();
    loads.push((performance.now() - begun) / 1000);
  }
  const seen = await changes(kubectl, url);
  return {
    objects: await metric(url, 'quotes_watched_objects'),
    memory: await metric(url, 'process_resident_memory_bytes'),
    load: [quantile(loads, 0.5), quantile(loads, 1)],
    seen: [quantile(seen, 0.5), quantile(seen, 1)],
  };
}

/** Scales dev by hand, again and again, until who follows the page is told of it, and then of its heal. */
async function changes(kubectl: Kubectl, url: string): Promise<number[]> {
  const following = new AbortController();
  const answer = await fetch(`${url}/events`, { signal: following.signal });
  const parts = sectionsIn(answer.body);
  const until = async (words: string) => {
    for (;;) {
      const { value, done } = await parts.next();
      if (done === true) {
        throw new CannotRun(`${url}/events ended: is the page still there?`);
      }
      if (value.id === 'dev' && value.html.includes(words)) {
        return;
      }
    }
  };
  const times: number[] = [];
  const wanted = await kubectl.field('dev', 'deployment/quote-app', '{.spec.replicas}');
  try {
    await until(` of ${wanted} ready`);
    for (let round = 0; round < rounds; round += 1) {
      const other = String(Number(wanted) + 1);
      await kubectl(['scale', 'deployment/quote-app', '--namespace=dev', `--replicas=${other}`]);
      const begun = performance.now();
      await until(` of ${other} ready`);
      times.push((performance.now() - begun) / 1000);
      await until(` of ${wanted} ready`);
    }
  } finally {
    following.abort();
  }
  return times;
}

/** The parts that a client is sent, one after the other. */
async function* sectionsIn(body: Response['body']): AsyncGenerator<{ id: string; html: string }, void> {
  if (body === null) {
    return;
  }
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [, data] = /^data: (\{.*\})$/m.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (data !== undefined) {
        yield JSON.parse(data) as { id: string; html: string };
      }
    }
  }
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return samplesOf(text, [name])[0]?.value ?? Number.NaN;
}

/** A line for each number of objects. */
export function pageTable(uses: PageUse[]): string {
  const head = ['objects', 'memory', 'load: median', 'worst', 'change → sent: median', 'worst'];
  const seconds = (value: number) => `${value.toFixed(3)} s`;
  const rows = uses.map(({ objects, memory, load, seen }) => [
    objects.toLocaleString('en'),
    `${Math.round(memory / 2 ** 20)} MiB`,
    ...load.map(seconds),
    ...seen.map(seconds),
  ]);
  return markdownTable(head, rows);
}

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { readGit } from '../scripts/audit/git.ts';
import { labelsOf } from '../scripts/check/admission/selectors.ts';
import { Graph, type Pod } from '../scripts/check/graph/graph.ts';
import { allows, type End, endOf, policiesOf } from '../scripts/check/graph/reachability.ts';
import { isMap, type JsonMap, maps, text } from '../scripts/check/model.ts';
import { policiesTarget } from '../scripts/check/targets.ts';
import { processesOfPod } from '../scripts/cluster/cgroups.ts';
import { clusterLayout } from '../scripts/cluster/layout.ts';
import { openProber, type Port, type Way } from '../scripts/cluster/network-policy/prober.ts';
import { environments } from '../scripts/environment.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';

/** A pod that runs, and what the manifests in Git say of it: what the cluster brings is not in Git. */
type Running = {
  name: string;
  namespace: string;
  uid: string;
  address: string;
  ports: Port[];
  end: End;
};

type Flow = { from: Running; to: Running; port: Port };

/** A port on which nothing listens, in no policy's rules. */
const idle: Port = { protocol: 'TCP', port: 1 };

/** How many pods' flows are tried at once. */
const together = 8;

/** What NetworkPolicies do on the wire of the embedded cluster. */
export function networkPolicies(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  promise(
    'from every pod to every port of every other one passes what the check says, and nothing passes between environments',
    async (t) => {
      const { graph, pods } = await running(rehearsal());
      const flows = pods.flatMap((from) =>
        pods
          .filter((to) => to !== from)
          .flatMap((to) => [...to.ports, idle].map((port): Flow => ({ from, to, port }))),
      );
      const said = flows.map((flow) => verdict(graph, flow));
      let seen = await onTheWire(rehearsal().cluster, flows, 1000);
      // A busy machine answers late: what differs is asked again, with patience.
      const late = flows.filter((_flow, index) => said[index] && !seen[index]);
      const again = await onTheWire(rehearsal().cluster, late, 5000);
      seen = seen.map((reached, index) => reached || again[late.indexOf(flows[index] as Flow)] === true);
      const differ = flows.flatMap((flow, index) =>
        said[index] === seen[index] ? [] : [`${inWords(flow)}: check ${said[index]}, wire ${seen[index]}`],
      );
      const between = flows.filter(
        ({ from, to }, index) =>
          seen[index] && from.namespace !== to.namespace && isEnvironment(from) && isEnvironment(to),
      );
      const passed = seen.filter(Boolean).length;
      t.diagnostic(`${pods.length} pods, ${flows.length} flows, ${passed} pass, ${late.length} asked again`);
      assert.deepEqual(differ, []);
      assert.deepEqual(between.map(inWords), []);
      assert.ok(passed > 100 && flows.length - passed > 1000);
    },
  );
}

const isEnvironment = ({ namespace }: Running) =>
  environments.some((environment) => environment === namespace);

const inWords = ({ from, to, port }: Flow) =>
  `${from.namespace}/${from.name} to ${to.namespace}/${to.name} ${port.protocol} ${port.port}`;

/** The pods that run, each with what Git says of it. */
async function running({ kubectl, clone }: Rehearsal): Promise<{ graph: Graph; pods: Running[] }> {
  const { renders } = await readGit(clone, () => {});
  const graph = new Graph(
    policiesTarget(clone),
    renders.flatMap(({ objects }) => objects),
  );
  const list = await kubectl.json<{ items: JsonMap[] }>(['get', 'pods', '--all-namespaces']);
  const pods = (list?.items ?? []).flatMap((pod): Running[] => {
    const { spec, status, metadata } = pod;
    if (!isMap(spec) || !isMap(status) || !isMap(metadata)) {
      return [];
    }
    const ready = maps(status.conditions).some((one) => one.type === 'Ready' && one.status === 'True');
    const [name, namespace] = [text(metadata.name), text(metadata.namespace)];
    const known = { name, namespace, uid: text(metadata.uid), address: text(status.podIP) };
    return spec.hostNetwork === true || !ready || metadata.deletionTimestamp !== undefined
      ? []
      : [{ ...known, ports: portsOf(spec), end: endIn(graph, namespace, labelsOf(pod)) }];
  });
  return { graph, pods };
}

function portsOf(spec: JsonMap): Port[] {
  return maps(spec.containers).flatMap((container) =>
    maps(container.ports).flatMap(({ containerPort, protocol }): Port[] =>
      typeof containerPort === 'number' && (protocol === 'TCP' || protocol === 'UDP')
        ? [{ protocol, port: containerPort }]
        : [],
    ),
  );
}

/** The pod of the render that a running one was made from; what no render has is known by its labels. */
function endIn(graph: Graph, namespace: string, labels: JsonMap): End {
  const made = graph.pods
    .filter((pod) => pod.object.id.namespace === namespace && isFrom(pod, labels))
    // The one that says most: a template of few labels is part of what another says.
    .sort((one, other) => Object.keys(other.labels).length - Object.keys(one.labels).length)[0];
  const known = { 'kubernetes.io/metadata.name': namespace };
  return made !== undefined
    ? endOf(graph, made)
    : {
        namespace,
        namespaceLabels: { known, complete: true },
        labels: { known: labels, complete: true },
        pod: undefined,
      };
}

function isFrom(pod: Pod, labels: JsonMap): boolean {
  const wanted = Object.entries(pod.labels);
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

/** What the check says of a flow: whether its NetworkPolicies let it out and in. */
function verdict(graph: Graph, { from, to, port }: Flow): boolean {
  const [out, into] = [from.end.pod, to.end.pod];
  return (
    (out === undefined || allows(policiesOf(graph, out, 'egress'), 'egress', to.end, to.end, port)) &&
    (into === undefined || allows(policiesOf(graph, into, 'ingress'), 'ingress', from.end, to.end, port))
  );
}

/** Tries each flow from within its pod's network. */
async function onTheWire(cluster: string, flows: Flow[], patience: number): Promise<boolean[]> {
  const reached = new Map<Flow, boolean>();
  const bySource = [...Map.groupBy(flows, ({ from }) => from)];
  // Each pod with a process that tries all of its flows at once, and no more of them than the machine bears.
  for (let first = 0; first < bySource.length; first += together) {
    await Promise.all(
      bySource.slice(first, first + together).map(async ([{ uid, name }, own]) => {
        const [pid] = await processesOfPod(clusterLayout(cluster), uid);
        assert.ok(pid !== undefined, `${name} has no process`);
        const prober = openProber(`/proc/${pid}/ns/net`);
        const ways = own.map(({ to, port }): Way => ({ ...port, address: to.address }));
        const answers = await prober.reach(ways, patience);
        prober.end();
        own.forEach((flow, index) => {
          reached.set(flow, answers[index] === true);
        });
      }),
    );
  }
  return flows.map((flow) => reached.get(flow) === true);
}

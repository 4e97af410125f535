import { until } from '../../until.ts';
import { nodeOf, primary } from '../database.ts';
import type { Drill } from '../drill.ts';
import { type Deployment, type Node, nodeCondition, type Stage } from '../stage.ts';

export const nodeLoss: Drill = {
  name: 'node-loss',
  environment: 'prod',
  cause: 'a node with a pod and an edge on it goes: cable pulled, every process killed',
  holds: 'its pods come up elsewhere, the node comes back clean, and no request fails',
  embeddedOnly: true,
  usually: '60 s',
  goal: { figure: 'lost → capacity', seconds: 12 },
  elsewhere: { notes: '5 to 10 min', defaults: '350 s: 50 until it is noticed, 300 of toleration' },
  run: async (stage, note) => {
    const { cluster, kubectl } = stage;
    const node = await nodeToLose(stage);
    const lost = await podsOn(stage, node);
    try {
      const started = Date.now();
      await cluster.loseNode(node);
      note(`${node} is lost, with ${lost.join(', ')}`);
      await until('the node marked', async () => (await readiness(stage, node)) !== 'True', 60);
      const marked = (Date.now() - started) / 1000;
      note(`${node} is NotReady`);
      await until('three pods and two edges elsewhere', () => isWhole(stage, node), 120);
      const capacity = (Date.now() - started) / 1000;
      note('three pods and two edges are ready elsewhere');
      await until('Argo CD on the others', () => argocdIsWhole(stage));
      note('Argo CD is whole on the others');
      await cluster.returnNode(node);
      note(`${node} is plugged in again`);
      await until('the node Ready', async () => (await readiness(stage, node)) === 'True', 60);
      await until('the node clean', () => isClean(stage, node, lost));
      note(`${node} is Ready, takes pods, and has none of those that it had`);
      return {
        figures: { 'lost → NotReady': marked, 'lost → capacity': capacity },
        held: [
          { what: 'its pods are elsewhere', holds: true },
          { what: 'Argo CD came back by itself', holds: true },
          { what: 'the node came back clean', holds: true },
        ],
      };
    } finally {
      await cluster.returnNode(node);
      await kubectl(['wait', `node/${node}`, '--for=condition=Ready', '--timeout=60s']);
    }
  },
};

/** A node of prod's with an edge, and without the database's primary: that one's is the drill db-failover-node's. */
async function nodeToLose(stage: Stage): Promise<string> {
  const [app, edge, primaryNode] = await Promise.all([
    stage.pods('prod'),
    stage.pods('prod', 'edge'),
    primary(stage).then((pod) => nodeOf(stage, pod)),
  ]);
  const edges = new Set(edge.map(({ node }) => node));
  const node = app.map((pod) => pod.node).find((name) => edges.has(name) && name !== primaryNode);
  if (node === undefined) {
    throw new Error("no node has a pod and an edge of prod and not its database's primary");
  }
  return node;
}

async function podsOn({ pods }: Stage, node: string): Promise<string[]> {
  const all = await Promise.all([pods('prod'), pods('prod', 'edge')]);
  return all.flat().flatMap((pod) => (pod.node === node ? pod.name : []));
}

async function isWhole({ pods }: Stage, lost: string): Promise<boolean> {
  const standing = async (app: string) =>
    (await pods('prod', app)).filter(({ node, ready, ending }) => ready && !ending && node !== lost).length;
  return (await standing('quote-app')) >= 3 && (await standing('edge')) === 2;
}

const readiness = (stage: Stage, node: string) => nodeCondition(stage, node, 'Ready');

async function argocdIsWhole({ api }: Stage): Promise<boolean> {
  const list = await api.json<{ items: Deployment[] }>('/apis/apps/v1/namespaces/argocd/deployments');
  return list.items.every(({ spec, status }) => status.readyReplicas === spec.replicas);
}

/** No taint is left on the node, and no pod of before, not even on its way out. */
async function isClean(stage: Stage, node: string, lost: string[]): Promise<boolean> {
  const [found, now] = await Promise.all([stage.find<Node>('nodes', '', node), podsOn(stage, node)]);
  return found?.spec.taints === undefined && !now.some((name) => lost.includes(name));
}

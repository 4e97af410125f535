// Runs in a node's namespace: `program.ts CLUSTER NODE` holds the node's pods to the NetworkPolicies.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { isMap, maps, text, valueAt } from '../../check/model.ts';
import { apiOf } from '../../watch/api.ts';
import { clusterLayout } from '../layout.ts';
import { pkiKubeconfig } from '../pki.ts';
import { Agent, tell } from './agent.ts';
import { agentSocket } from './component.ts';

const [cluster = '', name = ''] = process.argv.slice(2);
const layout = clusterLayout(cluster);
const node = layout.nodes.find((candidate) => candidate.name === name);
if (node === undefined) {
  throw new RangeError(`no node ${name} in ${cluster}`);
}
const others = layout.nodes.filter((other) => other !== node).map(agentSocket);
/** Milliseconds in which a pod of this node must be seen, and for which another node's is waited for: it may be lost. */
const [patience, courtesy] = [5000, 300];

const agent = new Agent(node, apiOf({ kubeconfig: pkiKubeconfig(layout, 'network-policy') }));
await agent.start();

const server = createServer(async (incoming, answer) => {
  try {
    answer.end(incoming.url === '/add' ? await added(incoming) : await toldByAnother(incoming));
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    tell(words);
    // As CNI's plug-ins say what went wrong; kubelet tells it as an event of the pod's, and tries again.
    answer.statusCode = 500;
    answer.end(JSON.stringify({ cniVersion: '1.0.0', code: 11, msg: `network policies: ${words}` }));
  }
});
const socket = agentSocket(node);
await rm(socket, { force: true });
server.listen(socket);

/** CNI adds a pod: its container is not started before every node that is there knows the pod's address. */
async function added(incoming: IncomingMessage): Promise<string> {
  const config: unknown = JSON.parse(await textOf(incoming));
  const result = isMap(config) && isMap(config.prevResult) ? config.prevResult : {};
  const [address = ''] = text(maps(result.ips)[0]?.address).split('/');
  const uid = /(?:^|;)K8S_POD_UID=([^;]+)/.exec(String(incoming.headers['cni-args']))?.[1] ?? '';
  await Promise.all([
    agent.learn(uid, address, patience),
    ...others.map((other) => say(other, uid, address)),
  ]);
  return JSON.stringify(result);
}

async function toldByAnother(incoming: IncomingMessage): Promise<string> {
  const said: unknown = JSON.parse(await textOf(incoming));
  const known = isMap(said) ? said : {};
  await agent.learn(text(valueAt(known, ['uid'])), text(valueAt(known, ['address'])), courtesy);
  return '';
}

/** Tells another node's agent of an address. One that is away learns it from the API server when it is back. */
async function say(other: string, uid: string, address: string): Promise<void> {
  if (!existsSync(other)) {
    return;
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  const signal = AbortSignal.timeout(2 * courtesy);
  const outgoing = request({ socketPath: other, path: '/told', method: 'POST', signal }, (answer) => {
    answer.resume().on('close', resolve);
  });
  outgoing.on('error', () => resolve());
  outgoing.end(JSON.stringify({ uid, address }));
  await promise;
}

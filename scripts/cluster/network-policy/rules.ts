import { isIPv4 } from 'node:net';
import { selects } from '../../check/admission/selectors.ts';
import { isMap, type Json, type JsonMap, maps, text, valueAt } from '../../check/model.ts';
import type { PolicyPod, PolicyState } from './state.ts';

type Side = 'ingress' | 'egress';

const table = 'network-policy';

/**
 * The nftables rules by which a node holds its pods to the NetworkPolicies, as a script for `nft -f` that replaces the
 * last one in one transaction. Semantics: https://kubernetes.io/docs/concepts/services-networking/network-policies/. Of
 * the protocols that it leaves open, such as ICMP, a policy lets through what no rule's port narrows.
 * @param subnet the addresses of the node's pods
 * @param local whether a pod is this node's
 */
export function rulesOf(state: PolicyState, subnet: string, local: (pod: PolicyPod) => boolean): string {
  const here = state.pods.filter(local);
  const chains = here.flatMap((pod) =>
    (['egress', 'ingress'] as const).flatMap((side) => chain(state, pod, side)),
  );
  const held = (side: Side) => chains.filter((one) => one.side === side);
  return [
    `add table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    ...chains.map(({ name, lines }) => `chain ${name} {\n${lines.join('\n')}\n}`),
    'chain forward {',
    // kube-proxy has put the pod's address in the place of a Service's by now, and not yet hidden the source.
    'type filter hook forward priority filter; policy accept;',
    'ct state established,related accept',
    // A pod that is not known yet is held as a whole, and not let through as a whole. Who looks for one that is gone is
    // told at once, as by a node without the rule: a connection that nobody refuses is waited for.
    `${unknown('saddr', subnet, here)} drop`,
    `${unknown('daddr', subnet, here)} reject with icmp type host-unreachable`,
    ...dispatch('saddr', held('egress')),
    ...dispatch('daddr', held('ingress')),
    '}',
    '}',
    '',
  ].join('\n');
}

function unknown(end: End, subnet: string, here: PolicyPod[]): string {
  return `ip ${end} ${subnet}${here.length === 0 ? '' : ` ip ${end} != ${addressSet(here)}`}`;
}

type Chain = { side: Side; address: string; name: string; lines: string[] };

function dispatch(end: End, chains: Chain[]): string[] {
  const ways = chains.map(({ address, name }) => `${address} : jump ${name}`);
  return ways.length === 0 ? [] : [`ip ${end} vmap { ${ways.join(', ')} }`];
}

/** What a pod is let through on a side; none where no policy holds it. */
function chain(state: PolicyState, pod: PolicyPod, side: Side): Chain[] {
  const type = side === 'ingress' ? 'Ingress' : 'Egress';
  const holding = state.policies.filter((policy) => {
    const { podSelector, policyTypes } = specOf(policy);
    return (
      namespaceOf(policy) === pod.namespace &&
      Array.isArray(policyTypes) &&
      policyTypes.includes(type) &&
      selects(podSelector, pod.labels)
    );
  });
  if (holding.length === 0) {
    return [];
  }
  const end = side === 'ingress' ? 'saddr' : 'daddr';
  const lines = [
    // A pod may always reach itself, through a Service too.
    `ip ${end} ${pod.address} return`,
    ...holding.flatMap((policy) =>
      maps(specOf(policy)[side]).flatMap((rule) => {
        const peers = maps(side === 'ingress' ? rule.from : rule.to);
        const lets = peers.length === 0 ? [anyone(state)] : peers.map((peer) => peerOf(state, policy, peer));
        return lets.flatMap((peer) => passes(peer, rule.ports, end, side === 'ingress' ? [pod] : peer.pods));
      }),
    ),
    'counter drop',
  ];
  return [{ side, address: pod.address, name: `${side}-${pod.address}`, lines: [...new Set(lines)] }];
}

/** Which end of a packet is meant, in nft's words. */
type End = 'saddr' | 'daddr';

/** The other end of a flow: the match of its address, undefined where nobody is meant, and its pods. */
type Peer = { match: (end: End) => string | undefined; pods: PolicyPod[] };

const anyone = (state: PolicyState): Peer => ({ match: () => '', pods: state.pods });

const these = (pods: PolicyPod[]): Peer => ({
  match: (end) => (pods.length === 0 ? undefined : `ip ${end} ${addressSet(pods)}`),
  pods,
});

function peerOf(state: PolicyState, policy: JsonMap, peer: JsonMap): Peer {
  if (isMap(peer.ipBlock)) {
    const { cidr, except } = peer.ipBlock;
    const excepted = (Array.isArray(except) ? except : []).map(text).filter(isBlock);
    const match = (end: End) =>
      `ip ${end} ${text(cidr)}${excepted.length === 0 ? '' : ` ip ${end} != { ${excepted.join(', ')} }`}`;
    return isBlock(text(cidr)) ? { match, pods: [] } : these([]);
  }
  const { namespaceSelector, podSelector } = peer;
  return these(
    state.pods.filter(
      ({ namespace, labels }) =>
        (namespaceSelector === undefined
          ? namespace === namespaceOf(policy)
          : selects(namespaceSelector, state.namespaces.get(namespace) ?? {})) &&
        selects(podSelector, labels),
    ),
  );
}

/** Pods have IPv4 addresses alone here: a block of IPv6 is nobody's. */
function isBlock(cidr: string): boolean {
  const [address = '', length = ''] = cidr.split('/');
  return isIPv4(address) && /^\d{1,2}$/.test(length);
}

/** One line for each port that is open to the peer. `servers`: those at whose end the flow arrives. */
function passes(peer: Peer, ports: Json | undefined, end: End, servers: PolicyPod[]): string[] {
  const entries = maps(ports);
  const line = (match: string | undefined, port: string) =>
    match === undefined ? [] : [[match, port, 'return'].filter((part) => part !== '').join(' ')];
  if (entries.length === 0) {
    return line(peer.match(end), '');
  }
  return entries.flatMap(({ protocol, port, endPort }) => {
    const kind = text(protocol).toLowerCase();
    if (typeof port === 'string') {
      return named(servers, port, text(protocol)).flatMap(([number, pods]) =>
        line(end === 'saddr' ? peer.match(end) : these(pods).match(end), `${kind} dport ${number}`),
      );
    }
    const range = typeof endPort === 'number' ? `${port}-${endPort}` : port;
    return line(peer.match(end), port === undefined ? `meta l4proto ${kind}` : `${kind} dport ${range}`);
  });
}

/** What a port's name stands for: a number, and the pods of which it is that. */
function named(pods: PolicyPod[], name: string, protocol: string): [number, PolicyPod[]][] {
  const found = pods.flatMap((pod) =>
    pod.ports
      .filter((port) => port.name === name && port.protocol === protocol)
      .map(({ number }) => ({ number, pod })),
  );
  const byNumber = Map.groupBy(found, ({ number }) => number);
  return [...byNumber].map(([number, list]) => [number, list.map(({ pod }) => pod)]);
}

function addressSet(pods: PolicyPod[]): string {
  return `{ ${[...new Set(pods.map(({ address }) => address))].join(', ')} }`;
}

function specOf(policy: JsonMap): JsonMap {
  return isMap(policy.spec) ? policy.spec : {};
}

function namespaceOf(policy: JsonMap): string {
  return text(valueAt(policy, ['metadata', 'namespace']));
}

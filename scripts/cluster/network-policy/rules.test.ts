import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import type { JsonMap } from '../../check/model.ts';
import { parseOutput } from '../../check/yaml/yaml-files.ts';
import { openProber, type Prober } from './prober.ts';
import { rulesOf } from './rules.ts';
import { policyState } from './state.ts';

// Real nftables between real network namespaces: two nodes, each with its pods behind it, as the embedded cluster's are.
const prefix = `quotes-np-${process.pid}`;
const nodes = { n1: '10.99.1', n2: '10.99.2' } as const;
type NodeName = keyof typeof nodes;

const pods: Record<string, { node: NodeName; address: string; namespace: string; labels: JsonMap }> = {
  client: { node: 'n1', address: '10.99.1.2', namespace: 'here', labels: { app: 'client', tier: 'front' } },
  server: { node: 'n1', address: '10.99.1.3', namespace: 'here', labels: { app: 'server' } },
  far: { node: 'n2', address: '10.99.2.2', namespace: 'here', labels: { app: 'far' } },
  stranger: { node: 'n2', address: '10.99.2.3', namespace: 'there', labels: { app: 'client' } },
};
const names = Object.keys(pods);
const [web, admin] = [8080, 9090];

const objects = {
  pods: Object.entries(pods).map(([name, { address, namespace, labels }]) => ({
    metadata: { uid: name, name, namespace, labels },
    spec: {
      containers: [
        {
          name,
          ports: [
            // One name, two numbers: what it stands for is the pod's.
            { name: 'main', protocol: 'TCP', containerPort: name === 'far' ? admin : web },
          ],
        },
      ],
    },
    status: { phase: 'Running', podIP: address },
  })),
  namespaces: ['here', 'there'].map((name) => ({
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name, team: name } },
  })),
};

const probers = new Map<string, Prober>();

const inside = (name: string) => ['netns', 'exec', `${prefix}-${name}`];

before(async () => {
  const batch: string[] = [...Object.keys(nodes), ...names].map((name) => `netns add ${prefix}-${name}`);
  await execa('ip', ['-batch', '-'], { input: batch.join('\n') });
  const on = (name: string, lines: string[]) =>
    execa('ip', ['-n', `${prefix}-${name}`, '-batch', '-'], { input: lines.join('\n') });
  await on('n1', [
    `link add cable type veth peer name cable netns ${prefix}-n2`,
    'address add 10.99.0.1/24 dev cable',
    'link set cable up',
    'link set lo up',
    'route add 10.99.2.0/24 via 10.99.0.2',
  ]);
  await on('n2', [
    'address add 10.99.0.2/24 dev cable',
    'link set cable up',
    'link set lo up',
    'route add 10.99.1.0/24 via 10.99.0.1',
  ]);
  for (const [name, { node, address }] of Object.entries(pods)) {
    const gateway = `${nodes[node]}.1`;
    await on(node, [
      `link add ${name} type veth peer name eth0 netns ${prefix}-${name}`,
      `address add ${gateway}/32 dev ${name}`,
      `link set ${name} up`,
      `route add ${address} dev ${name}`,
    ]);
    await on(name, [
      'link set lo up',
      `address add ${address}/32 dev eth0`,
      'link set eth0 up',
      `route add ${gateway} dev eth0`,
      `route add default via ${gateway}`,
    ]);
  }
  for (const node of Object.keys(nodes)) {
    await execa('ip', [...inside(node), 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
  }
  for (const name of names) {
    const prober = openProber(`/run/netns/${prefix}-${name}`);
    probers.set(name, prober);
    await prober.listen([...ports]);
  }
});

after(async () => {
  for (const prober of probers.values()) {
    prober.end();
  }
  for (const name of [...names, ...Object.keys(nodes)]) {
    await execa('ip', ['netns', 'delete', `${prefix}-${name}`]);
  }
});

type Flow = { from: string; to: string; protocol: 'TCP' | 'UDP'; port: number };

const ports = [
  { protocol: 'TCP', port: web },
  { protocol: 'TCP', port: admin },
  { protocol: 'UDP', port: web },
] as const;
const flows: Flow[] = names.flatMap((from) =>
  names.filter((to) => to !== from).flatMap((to) => ports.map((port) => ({ from, to, ...port }))),
);

const toServer = ({ to }: Flow) => to === 'server';
const isTcp = (port: number) => (flow: Flow) => flow.protocol === 'TCP' && flow.port === port;

/** Policies over the pods above, and which flows they let pass. */
const cases: { what: string; policies: string[]; lets: (flow: Flow) => boolean }[] = [
  { what: 'no policy: everything', policies: [], lets: () => true },
  {
    what: 'an empty selector and no rule: nothing into or out of the namespace',
    policies: ['{podSelector: {}, policyTypes: [Ingress, Egress]}'],
    lets: ({ from, to }) => from === 'stranger' && to === 'stranger',
  },
  {
    what: 'a policy of ingress: what the pod sends and its answers pass',
    policies: ['{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}'],
    lets: (flow) => !toServer(flow),
  },
  {
    what: 'a policy of egress: what the pod is sent and its answers pass',
    policies: ['{podSelector: {matchLabels: {app: server}}, policyTypes: [Egress]}'],
    lets: ({ from }) => from !== 'server',
  },
  {
    what: 'a rule without a peer and a port: everything',
    policies: ['{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}'],
    lets: () => true,
  },
  {
    what: 'a podSelector: pods of the own namespace, on the same node as on another',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: client}}}, {podSelector: {matchExpressions: [{key: app, operator: In, values: [far]}]}}]}]}',
    ],
    lets: (flow) => !toServer(flow) || flow.from === 'client' || flow.from === 'far',
  },
  {
    what: 'a namespaceSelector: every pod there and none here',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {team: there}}}]}]}',
    ],
    lets: (flow) => !toServer(flow) || flow.from === 'stranger',
  },
  {
    what: 'an empty namespaceSelector: every pod of every namespace',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]}',
    ],
    lets: () => true,
  },
  {
    what: 'both selectors in one peer: both must hold',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {team: there}}, podSelector: {matchLabels: {tier: front}}}]}]}',
    ],
    lets: (flow) => !toServer(flow),
  },
  {
    what: 'both selectors in two peers: one is enough',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {team: there}}}, {podSelector: {matchLabels: {tier: front}}}]}]}',
    ],
    lets: (flow) => !toServer(flow) || flow.from === 'stranger' || flow.from === 'client',
  },
  {
    what: 'a port: that one, of its protocol',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{ports: [{port: 8080, protocol: TCP}]}]}',
    ],
    lets: (flow) => !toServer(flow) || isTcp(web)(flow),
  },
  {
    what: 'a port of UDP: not that of TCP',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{ports: [{port: 8080, protocol: UDP}]}]}',
    ],
    lets: (flow) => !toServer(flow) || flow.protocol === 'UDP',
  },
  {
    what: 'a protocol without a port: every port of it',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{ports: [{protocol: TCP}]}]}',
    ],
    lets: (flow) => !toServer(flow) || flow.protocol === 'TCP',
  },
  {
    what: 'a range of ports: its ends too',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{ports: [{port: 8080, endPort: 9089, protocol: TCP}]}]}',
    ],
    lets: (flow) => !toServer(flow) || isTcp(web)(flow),
  },
  {
    what: "a port's name, into pods: the number that each gives it",
    policies: [
      '{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: main, protocol: TCP}]}]}',
    ],
    lets: (flow) => flow.to === 'stranger' || isTcp(flow.to === 'far' ? admin : web)(flow),
  },
  {
    what: "a port's name, out of a pod: the number that each it may reach gives it",
    policies: [
      '{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}], ports: [{port: main, protocol: TCP}]}]}',
    ],
    lets: (flow) =>
      flow.from !== 'client' || (flow.to !== 'stranger' && isTcp(flow.to === 'far' ? admin : web)(flow)),
  },
  {
    what: "a port's name, out of a pod to anyone: the number that each pod gives it",
    policies: [
      '{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{ports: [{port: main, protocol: TCP}]}]}',
    ],
    lets: (flow) => flow.from !== 'client' || isTcp(flow.to === 'far' ? admin : web)(flow),
  },
  {
    what: 'a name that no port has: nothing',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{ports: [{port: other, protocol: TCP}]}]}',
    ],
    lets: (flow) => !toServer(flow),
  },
  {
    what: 'an ipBlock: its addresses',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.99.2.0/24}}]}]}',
    ],
    lets: (flow) => !toServer(flow) || flow.from === 'far' || flow.from === 'stranger',
  },
  {
    what: 'an ipBlock with an exception: its addresses but those',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.99.2.3/32, 10.99.1.0/24]}}]}]}',
    ],
    lets: (flow) => !toServer(flow) || flow.from === 'far',
  },
  {
    what: 'an exception that another rule lets in: in',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.99.2.3/32, 10.99.1.0/24]}}, {podSelector: {matchLabels: {app: client}}}]}]}',
    ],
    lets: (flow) => !toServer(flow) || flow.from === 'far' || flow.from === 'client',
  },
  {
    what: 'an ipBlock of IPv6: nobody here',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: "::/0"}}]}]}',
    ],
    lets: (flow) => !toServer(flow),
  },
  {
    what: 'an ipBlock and a port, out of a pod',
    policies: [
      '{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.99.1.0/24}}], ports: [{port: 9090, protocol: TCP}]}]}',
    ],
    lets: (flow) => flow.from !== 'client' || (toServer(flow) && isTcp(admin)(flow)),
  },
  {
    what: 'policies add up',
    policies: [
      '{podSelector: {}, policyTypes: [Ingress, Egress]}',
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 8080, protocol: TCP}]}]}',
      '{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: server}}}]}]}',
    ],
    lets: (flow) => flow.from === 'client' && toServer(flow) && isTcp(web)(flow),
  },
  {
    what: 'what the one end lets out and the other does not let in: stopped, and the other way round',
    policies: [
      '{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: far}}}]}]}',
      '{podSelector: {matchLabels: {app: far}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: client}}}]}]}',
    ],
    lets: ({ from, to }) => to !== 'server' && (from !== 'far' || to === 'client'),
  },
];

/** Puts policies in force on both nodes. */
async function hold(policies: string[], known: JsonMap[] = objects.pods): Promise<void> {
  const parsed = policies.map((spec, index) => ({
    metadata: { name: `p${index}`, namespace: 'here' },
    spec: parseOutput(spec)[0] ?? {},
  }));
  const state = policyState({ ...objects, pods: known, policies: parsed }, new Map());
  for (const [node, subnet] of Object.entries(nodes)) {
    const rules = rulesOf(state, `${subnet}.0/24`, ({ address }) => address.startsWith(`${subnet}.`));
    await execa('ip', [...inside(node), 'nft', '-f', '-'], { input: rules });
  }
}

/** The flows that get through, in words. */
async function passing(tried: Flow[], patience: number): Promise<string[]> {
  const lists = [...Map.groupBy(tried, ({ from }) => from)].map(async ([from, own]) => {
    const ways = own.map(({ to, protocol, port }) => ({ protocol, port, address: pods[to]?.address ?? '' }));
    const reached = (await probers.get(from)?.reach(ways, patience)) ?? [];
    return own.filter((_flow, index) => reached[index]);
  });
  return (await Promise.all(lists)).flat().map(inWords);
}

const inWords = ({ from, to, protocol, port }: Flow) => `${from} to ${to} ${protocol} ${port}`;

for (const { what, policies, lets } of cases) {
  test(`what passes on the wire under ${what}`, async () => {
    await hold(policies);
    const [open, closed] = [flows.filter(lets), flows.filter((flow) => !lets(flow))];
    // Patience with what should pass: a busy machine answers late, and a lost packet is sent again after a second.
    const [passed, slipped] = await Promise.all([passing(open, 5000), passing(closed, 300)]);
    assert.deepEqual({ passed: passed.sort(), slipped }, { passed: open.map(inWords).sort(), slipped: [] });
  });
}

test('a pod that is not known yet reaches nothing and is not reached, and one that is over neither', async () => {
  const over = objects.pods.map((pod) =>
    pod.metadata.name === 'server' ? { ...pod, status: { ...pod.status, phase: 'Succeeded' } } : pod,
  );
  for (const known of [over, objects.pods.filter(({ metadata }) => metadata.name !== 'server')]) {
    await hold([], known);
    const about = flows.filter(({ from, to }) => from === 'server' || to === 'server');
    assert.deepEqual(await passing(about, 300), []);
  }
  await hold([]);
});

test('a pod has the address that CNI gave it before its status says so', () => {
  const [first] = objects.pods;
  assert.ok(first !== undefined);
  const starting = { ...first, status: { phase: 'Pending' } };
  const state = (reported: Map<string, string>) =>
    policyState({ ...objects, pods: [starting], policies: [] }, reported).pods.map(({ address }) => address);
  assert.deepEqual(state(new Map()), []);
  assert.deepEqual(state(new Map([['client', '10.99.1.9']])), ['10.99.1.9']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMap, type JsonMap, text } from '../model.ts';
import { parseOutput } from '../yaml/yaml-files.ts';
import { Graph, type Pod } from './graph.ts';
import { allows, elsewhere, endOf, policiesOf } from './reachability.ts';

const target = { role: 'environment', environment: 'test', dir: '/' } as const;

const surroundings = `
apiVersion: v1
kind: Namespace
metadata: {name: here, labels: {tier: app}}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: here, labels: {app: client}}
spec: {containers: [{name: client}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: here, labels: {app: server}}
spec: {containers: [{name: server, ports: [{name: http, containerPort: 8080}]}]}
`;

/** A graph of a client, a server and a NetworkPolicy over the server with the given rest of its spec. */
function graphWith(spec: string): { graph: Graph; client: Pod; server: Pod } {
  const policy = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: policy, namespace: here}
spec: {podSelector: {matchLabels: {app: server}}, ${spec}}
`;
  const values = parseOutput(`${surroundings}---${spec === '' ? '' : policy}`).filter(isMap);
  const graph = new Graph(target, values.map(rendered));
  const named = (name: string) => graph.pods.find(({ object }) => object.id.name === name);
  const [client, server] = [named('client'), named('server')];
  assert.ok(client !== undefined && server !== undefined);
  return { graph, client, server };
}

function rendered(value: JsonMap) {
  const metadata = isMap(value.metadata) ? value.metadata : {};
  const id = { kind: text(value.kind), namespace: text(metadata.namespace), name: text(metadata.name) };
  return { target, apiVersion: text(value.apiVersion), id, value, source: '/' };
}

const fromClient = 'podSelector: {matchLabels: {app: client}}';

/** Whether a connection from client to server on TCP 8080 is let in. */
const cases: { what: string; spec: string; lets: boolean }[] = [
  { what: 'without a policy everything', spec: '', lets: true },
  { what: 'a policy without rules nothing', spec: 'policyTypes: [Ingress]', lets: false },
  { what: 'a policy without policyTypes holds ingress', spec: 'ingress: []', lets: false },
  { what: 'a policy of egress alone no ingress', spec: 'policyTypes: [Egress]', lets: true },
  { what: 'a rule of nothing everything', spec: 'ingress: [{}]', lets: true },
  { what: 'a selector of the client the client', spec: `ingress: [{from: [{${fromClient}}]}]`, lets: true },
  {
    what: 'a selector of another not the client',
    spec: 'ingress: [{from: [{podSelector: {matchLabels: {app: x}}}]}]',
    lets: false,
  },
  {
    what: 'one of two rules is enough',
    spec: `ingress: [{from: [{podSelector: {matchLabels: {app: x}}}]}, {from: [{${fromClient}}]}]`,
    lets: true,
  },
  {
    what: 'both selectors of one peer must hold',
    spec: `ingress: [{from: [{namespaceSelector: {matchLabels: {tier: x}}, ${fromClient}}]}]`,
    lets: false,
  },
  {
    what: 'of two peers one is enough',
    spec: `ingress: [{from: [{namespaceSelector: {matchLabels: {tier: x}}}, {${fromClient}}]}]`,
    lets: true,
  },
  {
    what: 'every namespace has its name as a label',
    spec: 'ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: here}}}]}]',
    lets: true,
  },
  {
    what: 'addresses are not known, and count as let in',
    spec: 'ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]',
    lets: true,
  },
  { what: 'the port', spec: 'ingress: [{ports: [{port: 8080}]}]', lets: true },
  { what: 'another port not', spec: 'ingress: [{ports: [{port: 8081}]}]', lets: false },
  { what: 'another protocol not', spec: 'ingress: [{ports: [{port: 8080, protocol: UDP}]}]', lets: false },
  { what: 'a range of ports', spec: 'ingress: [{ports: [{port: 8000, endPort: 8080}]}]', lets: true },
  { what: 'the name of the port', spec: 'ingress: [{ports: [{port: http}]}]', lets: true },
  { what: 'another name not', spec: 'ingress: [{ports: [{port: metrics}]}]', lets: false },
  { what: 'a protocol without a port every port', spec: 'ingress: [{ports: [{protocol: TCP}]}]', lets: true },
];

for (const { what, spec, lets } of cases) {
  test(`NetworkPolicies ${lets ? 'let in' : 'keep out'}: ${what}`, () => {
    const { graph, client, server } = graphWith(spec);
    const policies = policiesOf(graph, server, 'ingress');
    const arrival = { protocol: 'TCP', port: 8080 };
    assert.equal(allows(policies, 'ingress', endOf(graph, client), endOf(graph, server), arrival), lets);
  });
}

test('what is known of a pod elsewhere can rule it out, what is not known cannot', () => {
  const lets = (peer: string) => {
    const { graph, server } = graphWith(`policyTypes: [Egress], egress: [{to: [{${peer}}]}]`);
    const dns = elsewhere(graph, 'kube-system', { 'k8s-app': 'kube-dns' });
    return allows(policiesOf(graph, server, 'egress'), 'egress', dns, dns, { protocol: 'UDP', port: 53 });
  };
  assert.ok(lets('namespaceSelector: {}'));
  assert.ok(
    lets('namespaceSelector: {matchLabels: {some: label}}, podSelector: {matchLabels: {k8s-app: kube-dns}}'),
  );
  assert.ok(!lets('namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}'));
  assert.ok(!lets('namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: other}}'));
  assert.ok(!lets('podSelector: {matchLabels: {k8s-app: kube-dns}}'));
});

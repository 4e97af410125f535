import { hook, notExternal, said, wasSaid } from './conditions.ts';
import type { ImpactRule } from './impact.ts';

/** The kinds by which one reaches another. */
export const networkKinds = [
  'Service',
  'Endpoints',
  'discovery.k8s.io/EndpointSlice',
  'networking.k8s.io/*',
  'gateway.networking.k8s.io/*',
  'policy.networking.k8s.io/*',
  'cilium.io/*',
];

/** What it does that a field of theirs changes. */
export const networkRules: ImpactRule[] = [
  {
    id: 'cluster-ip',
    impact: 'immutable',
    on: 'changed',
    kinds: ['Service'],
    fields: ['spec.clusterIP', 'spec.clusterIPs'],
    when: notExternal,
    why: 'A Service keeps the address that it was made with, and none where it was made without.',
  },
  {
    id: 'load-balancer-class',
    impact: 'immutable',
    on: 'changed',
    kinds: ['Service'],
    fields: ['spec.loadBalancerClass'],
    when: wasSaid,
    why: 'Who makes the load balancer is said once.',
  },
  {
    id: 'ingress-controller',
    impact: 'immutable',
    on: 'changed',
    kinds: ['networking.k8s.io/IngressClass', 'gateway.networking.k8s.io/GatewayClass'],
    fields: ['spec.controller', 'spec.controllerName'],
    when: said,
    why: 'A class is of one controller.',
  },
  {
    id: 'address-type',
    impact: 'immutable',
    on: 'changed',
    kinds: ['discovery.k8s.io/EndpointSlice'],
    fields: ['addressType'],
    why: 'The addresses of a slice are of one type.',
  },
  {
    id: 'network-labels',
    impact: 'none',
    on: 'changed',
    kinds: networkKinds,
    fields: ['metadata.labels', 'metadata.annotations.quotes.check/*'],
    why: 'They are for who looks for it.',
  },
  {
    id: 'network-annotations',
    impact: 'network',
    on: 'changed',
    kinds: networkKinds,
    fields: ['metadata.annotations'],
    why: 'Controllers of load balancers and Ingresses are configured by annotations.',
  },
  {
    id: 'network',
    impact: 'network',
    on: 'changed',
    kinds: networkKinds,
    fields: ['spec', 'subsets', 'endpoints', 'ports'],
    why: 'Traffic takes another way, or is let through where it was not, or not where it was.',
  },
];

/** Before everything: a hook is made anew by each sync, whatever of it changes. */
export const hookRules: ImpactRule[] = [
  {
    id: 'hook',
    impact: 'config',
    on: 'changed',
    when: hook,
    why: 'A hook is made anew by each sync, so nothing of it is refused; the next sync runs what it says.',
  },
];

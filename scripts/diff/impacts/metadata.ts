import { sameAdmitted } from './conditions.ts';
import type { ImpactRule } from './impact.ts';

/** What is said of an object, rather than in it. */
export const metadataRules: ImpactRule[] = [
  {
    id: 'sync-options',
    impact: 'config',
    on: 'changed',
    fields: ['metadata.annotations.argocd.argoproj.io/*'],
    why: 'Argo CD syncs, waits, prunes or compares by it.',
  },
  {
    id: 'hibernation',
    impact: 'scale-down',
    on: 'changed',
    kinds: ['postgresql.cnpg.io/Cluster'],
    fields: ['metadata.annotations.cnpg.io/hibernation'],
    why: 'CloudNativePG ends every instance of a Cluster that hibernates, and starts them when it does no more.',
  },
  {
    id: 'operators-annotations',
    impact: 'config',
    on: 'changed',
    kinds: ['postgresql.cnpg.io/*'],
    fields: ['metadata.annotations.cnpg.io/*', 'metadata.annotations.k8s.enterprisedb.io/*'],
    why: 'CloudNativePG acts by it.',
  },
  {
    id: 'namespace-labels',
    impact: 'config',
    on: 'changed',
    kinds: ['Namespace'],
    fields: ['metadata.labels'],
    why: 'Policies, pod security and NetworkPolicies choose namespaces by their labels.',
  },
  {
    id: 'labels',
    impact: 'none',
    on: 'changed',
    fields: ['metadata.labels', 'metadata.annotations'],
    why: 'Outside a pod template they are for who looks for the object.',
  },
  {
    id: 'generated-name',
    impact: 'none',
    on: 'changed',
    fields: ['metadata.name'],
    why: 'The name ends with a hash of the content: whoever names it shows that as a change of its own.',
  },
  {
    id: 'metadata',
    impact: 'config',
    on: 'changed',
    fields: ['metadata'],
    why: 'Finalizers and owners say when an object is deleted.',
  },
];

/** Before everything: what is said otherwise and means the same. */
export const sameRules: ImpactRule[] = [
  {
    id: 'same',
    impact: 'none',
    on: 'changed',
    when: sameAdmitted,
    why: 'It is the default that was there unsaid, or another way to write the same amount.',
  },
];

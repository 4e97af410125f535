import { holdingKinds } from '../../check/data/holdings.ts';
import { hasPods, hook, outsideEnvironments } from './conditions.ts';
import type { ImpactRule } from './impact.ts';
import { networkKinds } from './network.ts';

const autoscalers = ['autoscaling/HorizontalPodAutoscaler', 'keda.sh/ScaledObject'];
const workloads = ['Pod', 'batch/CronJob', 'postgresql.cnpg.io/Cluster', 'postgresql.cnpg.io/Pooler'];

/** What it does that an object is there now, or no more. */
export const wholeObjectRules: ImpactRule[] = [
  {
    id: 'definition-removed',
    impact: 'data',
    on: 'removed',
    kinds: ['apiextensions.k8s.io/CustomResourceDefinition'],
    why: 'With a definition Kubernetes deletes every object of its kind.',
  },
  {
    id: 'volume-removed',
    impact: 'data',
    on: 'removed',
    kinds: ['PersistentVolume'],
    why: 'Nothing leads to the storage any longer, or its reclaim policy deletes it.',
  },
  {
    id: 'holder-removed',
    impact: 'data',
    on: 'removed',
    kinds: holdingKinds,
    when: outsideEnvironments,
    why: 'What it holds goes with it: a namespace everything in it.',
  },
  {
    id: 'network-removed',
    impact: 'network',
    on: 'removed',
    kinds: networkKinds,
    why: 'What it led to is reached no more; what it kept apart, or let through, is another.',
  },
  {
    id: 'network-added',
    impact: 'network',
    on: 'added',
    kinds: networkKinds,
    why: 'It opens a way, or closes those that it does not name.',
  },
  {
    id: 'autoscaler-removed',
    impact: 'scale-down',
    on: 'removed',
    kinds: autoscalers,
    why: 'The number of pods is from then on what Git says, or stays what it was.',
  },
  {
    id: 'autoscaler-added',
    impact: 'scale-up',
    on: 'added',
    kinds: autoscalers,
    why: 'It says the number of pods from then on, at the least its minimum.',
  },
  {
    id: 'hook-removed',
    impact: 'none',
    on: 'removed',
    when: { ...hook, holds: (subject) => hook.holds({ ...subject, is: subject.was }) },
    why: 'It ran in a sync, and runs in the next no more.',
  },
  {
    id: 'pods-removed',
    impact: 'scale-down',
    on: 'removed',
    when: hasPods,
    why: 'Its pods go with it.',
  },
  {
    id: 'workload-removed',
    impact: 'scale-down',
    on: 'removed',
    kinds: workloads,
    why: 'Its pods go with it.',
  },
  { id: 'pods-added', impact: 'scale-up', on: 'added', when: hasPods, why: 'Its pods are started.' },
  { id: 'workload-added', impact: 'scale-up', on: 'added', kinds: workloads, why: 'Its pods are started.' },
  { id: 'object-removed', impact: 'config', on: 'removed', why: 'Whatever reads it finds it no more.' },
  { id: 'object-added', impact: 'config', on: 'added', why: 'It is there for whatever reads it.' },
];

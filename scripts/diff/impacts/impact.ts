import type { JsonMap, Role } from '../../check/model.ts';
import type { Change } from '../fields.ts';

/** What a change does where it is deployed, the lightest first. */
export const impacts = [
  'none',
  'config',
  'network',
  'scale-up',
  'scale-down',
  'rollout',
  'immutable',
  'data',
] as const;
export type Impact = (typeof impacts)[number];

export const meanings: Record<Impact, string> = {
  none: 'nothing that runs notices',
  config: 'something behaves otherwise from then on; no pod is restarted for it',
  network: 'who reaches whom changes',
  'scale-up': 'more pods',
  'scale-down': 'fewer pods',
  rollout: 'pods are restarted',
  immutable: 'the API server refuses it; the object must be made anew',
  data: 'data is lost, or let go of',
};

/** The impacts that a commit of the change must acknowledge. */
export const grave: readonly Impact[] = ['immutable', 'data'];

export function heaviest(found: Impact[]): Impact {
  return found.reduce((one, other) => (impacts.indexOf(other) > impacts.indexOf(one) ? other : one), 'none');
}

/** What a rule is asked about: an object that was added or removed, or one of its fields that changed. */
export type Subject = {
  /** With the API group in front: apps/Deployment. */
  kind: string;
  role: Role;
  was: JsonMap | undefined;
  is: JsonMap | undefined;
  /** Undefined where the whole object was added or removed. */
  change: Change | undefined;
  /** Whether an autoscaler says how many pods the object has. */
  isAutoscaled: boolean;
  /** Whether the API server makes the same of both sides at the field. */
  isSameAdmitted: boolean;
};

/** A rule of the table. The first one that matches says what a change does. */
export type ImpactRule = {
  id: string;
  impact: Impact;
  /** What happened: to the object, or within it. */
  on: 'added' | 'removed' | 'changed';
  /** With their API groups; `apps/*` for each kind of a group. None: every kind. */
  kinds?: string[];
  /** With all that is below them, the elements of lists left out of the path; `*` for the rest of a key. None: every field. */
  fields?: string[];
  /** What must be so besides, in words and as a test. */
  when?: { says: string; holds: (subject: Subject) => boolean };
  why: string;
};

import type { Json } from '../check/model.ts';
import type { Impact } from './impacts/impact.ts';

/** A field that changed: `was` is absent where it was added, `is` where it was removed. Secret values are not in it. */
export type FieldDifference = {
  /** As a reader names it: `spec.template.spec.containers[edge].image`. */
  path: string;
  was?: Json;
  is?: Json;
  /** What the elements of the list are called that have another order, in the new one. */
  order?: string[];
  impact: Impact;
  rule: string;
};

/** What a change does that no field of its own says. */
export type Note = { impact: Impact; rule: string; message: string };

type State = 'added' | 'removed' | 'changed';

export type ObjectDifference = {
  /** What acknowledges it: KIND/NAME in NAMESPACE. */
  key: string;
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  /** What a generator called it before. */
  formerName?: string;
  state: State;
  impact: Impact;
  /** Whether a commit of the change says that what it does to the object is meant. */
  acknowledged: boolean;
  fields: FieldDifference[];
  notes: Note[];
};

/** What changes in an environment, or in what else a folder renders. */
export type PartDifference = {
  name: string;
  /** '' for what is no environment. */
  environment: string;
  state: State;
  impact: Impact;
  objects: ObjectDifference[];
  /** How many of its objects do not change. */
  unchanged: number;
  notes: Note[];
};

/** What two sides differ in, without the parts that do not. */
export type Difference = {
  from: string;
  to: string;
  impact: Impact;
  parts: PartDifference[];
  /** What is immutable or data and no commit acknowledges, by the keys that would. */
  unacknowledged: { key: string; part: string; impact: Impact }[];
};

/** What the side is called that is no commit and no folder. */
export const cluster = 'the cluster';

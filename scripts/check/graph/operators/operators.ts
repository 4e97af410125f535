import type { FieldPath, JsonMap } from '../../model.ts';
import type { Node } from '../graph.ts';
import { cloudnativePg } from './cloudnative-pg.ts';
import { externalSecrets } from './external-secrets.ts';

/** What an operator makes of an object, in the object's own namespace. */
export type Made = {
  /** Whole manifests, without a namespace. The values in Secrets are empty: only their keys are known. */
  objects: JsonMap[];
  /** One for each pod, whose fields are where the object has them. */
  pods: { labels: JsonMap; spec: JsonMap }[];
  /** The ports at which the pods must be reached besides their Services', and whence: each other, or a pod elsewhere. */
  arrivals: { port: number; from: 'each other' | { namespace: string; labels: JsonMap } }[];
};

/** A name in an object's field that stands for another object of its namespace, and for some of its keys. */
export type Named = {
  path: FieldPath;
  kind: string;
  name: string;
  keys: { name: string; path: FieldPath }[];
};

/** An operator by what its kinds mean. */
export type Operator = {
  /** Undefined for what is not a kind of its. */
  makes: (node: Node) => Made | undefined;
  refersTo: (node: Node) => Named[];
  /** The field of `spec` that says how many pods there are, of each kind that does not call it replicas. */
  replicas: Record<string, string>;
};

/** The operators that the check knows; another is a file beside cloudnative-pg.ts and an entry here. */
const operators: Operator[] = [cloudnativePg, externalSecrets];

/** What operators make of an object; undefined where none of those that are known makes anything. */
export function madeOf(node: Node): Made | undefined {
  return operators.map(({ makes }) => makes(node)).find((made) => made !== undefined);
}

/** The objects that an operator's object names. */
export function namedBy(node: Node): Named[] {
  return operators.flatMap(({ refersTo }) => refersTo(node));
}

/** The field of a kind's `spec` that says how many pods it has. */
export function replicasField(kind: string): string {
  return operators.map(({ replicas }) => replicas[kind]).find((field) => field !== undefined) ?? 'replicas';
}

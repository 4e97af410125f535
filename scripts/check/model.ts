type Severity = 'error' | 'warning';

/**
 * What a rule holds. `why` is for someone who doubts it, `fix` for someone who wants to be done. A rule of both gates
 * is a ValidatingAdmissionPolicy, which the cluster enforces too.
 */
export type Rule = {
  id: string;
  group: string;
  severity: Severity;
  gates: 'pull request' | 'both';
  why: string;
  fix: string;
};

/** A place in the repository: the path relative to its root; line and column, counted from 1, where they are known. */
export type Place = { file: string; line?: number; column?: number };

export type ObjectId = { kind: string; namespace: string; name: string };

/** A JSON value as YAML or JSON gave it. */
export type Json = null | boolean | number | string | Json[] | JsonMap;
export type JsonMap = { [key: string]: Json };

/** The steps from an object to one of its fields: keys and array indexes. */
export type FieldPath = (string | number)[];

/** What a target is for: only environments carry workload rules' numbers, what upstream's manifests have is not ours. */
export type Role = 'environment' | 'apps' | 'upstream' | 'policies' | 'argument';

/** What is checked in one go: a kustomization root (`dir`) or a plain YAML file (`file`). Absolute paths. */
export type Target = { role: Role; environment: string } & ({ dir: string } | { file: string });

/** One manifest as the cluster would get it. */
export type RenderedObject = {
  target: Target;
  apiVersion: string;
  id: ObjectId;
  value: JsonMap;
  /** The file the object was read from, before any patch. Absolute path. */
  source: string;
};

/** A field of an object that breaks a rule. The place is looked up afterwards. */
export type Violation = { object: RenderedObject; path: FieldPath; message: string };

/** One rule, one object, one place. Strings are empty where a finding is about a file rather than an object. */
export type Finding = {
  rule: string;
  severity: Severity;
  environment: string;
  object: ObjectId;
  file: string;
  line?: number;
  column?: number;
  message: string;
};

type Coverage = {
  environments: string[];
  objects: number;
  validated: number;
  skipped: number;
  policies: number;
  /** The policies that no parameters were known for, as none of the paths is an environment. */
  passedOver: string[];
};

/** `since`: only what came after a revision is told of; `older` counts what stood there already. */
export type Report = { findings: Finding[]; coverage: Coverage; since?: { revision: string; older: number } };

export const noObject: ObjectId = { kind: '', namespace: '', name: '' };

/** Whether a value is a map: neither a list nor null. */
export function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value's maps when it is a list, none otherwise: manifests are read before a schema has vouched for them. */
export function maps(value: unknown): JsonMap[] {
  return Array.isArray(value) ? value.filter(isMap) : [];
}

/** The value when it is a string, '' otherwise. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The value at a path, undefined where the path leads nowhere. */
export function valueAt(value: Json, path: FieldPath): Json | undefined {
  let current: Json | undefined = value;
  for (const step of path) {
    if (Array.isArray(current) && typeof step === 'number') {
      current = current[step];
    } else if (isMap(current) && typeof step === 'string') {
      current = current[step];
    } else {
      return undefined;
    }
  }
  return current;
}

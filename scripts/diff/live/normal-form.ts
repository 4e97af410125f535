import { isMap, type Json, type JsonMap, maps, text, valueAt } from '../../check/model.ts';

/** Which fields of which objects an Application leaves alone. Every part that is there must fit. */
export type IgnoreDifference = {
  group?: string;
  kind?: string;
  name?: string;
  namespace?: string;
  jsonPointers?: string[];
  jqPathExpressions?: string[];
  managedFieldsManagers?: string[];
};

const ofTheServer = [
  'managedFields',
  'resourceVersion',
  'uid',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'selfLink',
];
/** The annotation by which Argo CD knows what is its own, and of which Application. */
export const tracking = 'argocd.argoproj.io/tracking-id';
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const instance = 'app.kubernetes.io/instance';

/**
 * A live object, or what the API server would make of one, without what it writes itself, without the marks of the
 * Application that it belongs to, and without what that one ignores.
 */
export function normalForm(object: JsonMap, application: string, ignored: IgnoreDifference[]): JsonMap {
  const { status: _, metadata, ...rest } = object;
  const cleaned: JsonMap = { ...rest, metadata: withoutMarks(isMap(metadata) ? metadata : {}, application) };
  return ignored
    .filter((one) => isAbout(one, cleaned))
    .flatMap(pathsOf)
    .reduce<JsonMap>((current, path) => {
      const left = without(current, path);
      return isMap(left) ? left : current;
    }, cleaned);
}

function withoutMarks(metadata: JsonMap, application: string): JsonMap {
  const { labels, annotations, ...rest } = metadata;
  const kept = Object.entries(rest).filter(([key]) => !ofTheServer.includes(key));
  const entries = (map: Json | undefined, isKept: (key: string, value: Json) => boolean) => {
    const left = Object.entries(isMap(map) ? map : {}).filter(([key, value]) => isKept(key, value));
    return left.length === 0 ? undefined : Object.fromEntries(left);
  };
  const ownLabels = entries(labels, (key, value) => key !== instance || value !== application);
  const ownAnnotations = entries(annotations, (key) => key !== tracking && key !== lastApplied);
  return {
    ...Object.fromEntries(kept),
    ...(ownLabels !== undefined && { labels: ownLabels }),
    ...(ownAnnotations !== undefined && { annotations: ownAnnotations }),
  };
}

function isAbout(ignored: IgnoreDifference, object: JsonMap): boolean {
  const apiVersion = text(object.apiVersion);
  const is = {
    group: apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '',
    kind: text(object.kind),
    name: text(valueAt(object, ['metadata', 'name'])),
    namespace: text(valueAt(object, ['metadata', 'namespace'])),
  };
  // A group that is left away is the core one; a name or namespace, any.
  return (
    matches(ignored.group ?? '', is.group) &&
    matches(ignored.kind ?? '', is.kind) &&
    (['name', 'namespace'] as const).every(
      (field) => (ignored[field] ?? '') === '' || ignored[field] === is[field],
    )
  );
}

function matches(pattern: string, value: string): boolean {
  return pattern === '*' || pattern === value;
}

/** `[]` stands for every element of a list. */
const every = '[]';

function pathsOf({ jsonPointers = [], jqPathExpressions = [] }: IgnoreDifference): string[][] {
  const pointers = jsonPointers.map((pointer) =>
    pointer
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')),
  );
  return [...pointers, ...jqPathExpressions.flatMap((expression) => jqPath(expression) ?? [])].filter(
    (path) => path.length > 0,
  );
}

/** The fields that a simple path of jq names, such as `.spec.versions[].schema`; undefined for any other program. */
function jqPath(expression: string): [string[]] | undefined {
  const path: string[] = [];
  const rest = expression
    .trim()
    .replaceAll(/\.([A-Za-z_]\w*)\??|\.?\["([^"\\]*)"\]\??|\[\]\??/g, (step, name, quoted) => {
      path.push(name ?? quoted ?? (step.startsWith('[]') ? every : step));
      return '';
    });
  return rest === '' ? [path] : undefined;
}

/** What of an Application's ignored differences is not understood here, in words. */
export function notUnderstood(ignored: IgnoreDifference[]): string[] {
  return ignored.flatMap(({ jqPathExpressions = [], managedFieldsManagers = [] }) => [
    ...jqPathExpressions.filter((one) => jqPath(one) === undefined).map((one) => `jqPathExpression ${one}`),
    ...managedFieldsManagers.map((one) => `managedFieldsManager ${one}`),
  ]);
}

function without(value: Json, [step, ...rest]: string[]): Json {
  if (step === undefined) {
    return value;
  }
  if (Array.isArray(value)) {
    const isNamed = (at: number) => step === every || String(at) === step;
    return rest.length === 0
      ? value.filter((_, at) => !isNamed(at))
      : value.map((inner, at) => (isNamed(at) ? without(inner, rest) : inner));
  }
  if (!isMap(value) || !Object.hasOwn(value, step)) {
    return value;
  }
  const { [step]: inner, ...others } = value;
  return rest.length === 0 ? others : { ...others, [step]: without(inner ?? null, rest) };
}

/** The objects of kubectl's answer: a List, one object, or nothing. */
export function objectsIn(output: string): JsonMap[] {
  if (output.trim() === '') {
    return [];
  }
  const value = JSON.parse(output) as Json;
  return isMap(value) && value.kind === 'List' ? maps(value.items) : isMap(value) ? [value] : [];
}

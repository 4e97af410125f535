import { asAdmitted } from '../check/admission/defaults.ts';
import { isMap, type Json, type JsonMap, maps, text, valueAt } from '../check/model.ts';
import { idOf } from '../diff/live/cluster.ts';
import { type Kubectl, KubectlError } from '../gitops/kubectl.ts';

/** For tests: the objects that a cluster has, and the kinds that may not be listed. */
export type ClusterDouble = { objects: JsonMap[]; forbidden?: string[] };

type Made = { owner?: JsonMap; managers?: string[] };

/** A manifest as an API server has it: with its defaults, and what it writes itself. */
export function asLive(value: JsonMap, { owner, managers = ['argocd-controller'] }: Made = {}): JsonMap {
  const admitted = structuredClone(asAdmitted(value));
  const { kind, namespace, name } = idOf(admitted);
  return {
    ...admitted,
    metadata: {
      ...(isMap(admitted.metadata) && admitted.metadata),
      uid: `uid of ${kind} ${namespace} ${name}`,
      resourceVersion: '812',
      generation: 3,
      creationTimestamp: '2026-11-25T10:00:00Z',
      managedFields: managers.map((manager) => ({ manager, operation: 'Apply' })),
      ...(owner !== undefined && {
        ownerReferences: [
          {
            ...{ apiVersion: owner.apiVersion ?? '', kind: owner.kind ?? '', name: idOf(owner).name },
            ...{ uid: valueAt(owner, ['metadata', 'uid']) ?? '', controller: true },
          },
        ],
      }),
    },
    status: { observedGeneration: 3 },
  };
}

/** kubectl of such a cluster. It says what kubectl would to the questions that an audit has, and changes nothing. */
export function kubectlOf(double: ClusterDouble): Kubectl {
  const run = async (args: string[], input = '') => answer(double, args, input);
  return Object.assign(run, {
    json: async <T>(args: string[]) => JSON.parse(await run([...args, '--output=json'])) as T,
    field: async () => '',
    apply: async () => '',
  });
}

/** What kubectl writes to standard output. @throws {KubectlError} where something may not be listed */
function answer({ objects, forbidden = [] }: ClusterDouble, args: string[], input: string): string {
  const [verb = '', list = ''] = args;
  const option = (name: string) => args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  if (verb === 'api-resources') {
    const kinds = objects.map((one) =>
      [pluralOf(one), text(one.apiVersion), 'true', text(one.kind)].join('  '),
    );
    return [...new Set(kinds)].join('\n');
  }
  if (args.includes('--filename=-')) {
    const named = maps((JSON.parse(input) as JsonMap).items).flatMap((item) => {
      const found = objects.find((one) => isSame(one, item));
      return found === undefined ? [] : [verb === 'apply' ? asLive(item) : found];
    });
    return written(named, '');
  }
  const [refused, asked] = [true, false].map((isRefused) =>
    list.split(',').filter((one) => forbidden.includes(one) === isRefused),
  );
  const within = option('namespace');
  const found = objects.filter(
    (one) => asked?.includes(resourceOf(one)) && (within === undefined || idOf(one).namespace === within),
  );
  const output = written(found, option('output') ?? '');
  if (refused !== undefined && refused.length > 0) {
    const said = refused.map((one) => `Error from server (Forbidden): ${one} is forbidden`).join('\n');
    throw new KubectlError(`kubectl get ${list}: ${said}`, output);
  }
  return output;
}

/** Of the outputs that are asked for: a JSONPath's columns, the names and keys of a template, or the manifests. */
function written(objects: JsonMap[], output: string): string {
  const [form] = output.split('=');
  const columns = [...output.matchAll(/\{(\.[^}]+)\}/g)].map(([, path]) => path ?? '');
  const lines = objects.map((one) =>
    form === 'jsonpath'
      ? columns.map((path) => cell(one, path))
      : [idOf(one).name, ...Object.keys(isMap(one.data) ? one.data : {})],
  );
  return form === 'jsonpath' || form === 'go-template'
    ? lines.map((cells) => `${cells.join('\t')}\n`).join('')
    : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
}

function pluralOf({ kind }: JsonMap): string {
  return text(kind).toLowerCase().replace(/y$/, 'ie').replace(/s$/, 'se').concat('s');
}

function resourceOf(object: JsonMap): string {
  const [group = '', version] = text(object.apiVersion).split('/');
  return version === undefined ? pluralOf(object) : `${pluralOf(object)}.${group}`;
}

function isSame(one: JsonMap, asked: JsonMap): boolean {
  const [there, named] = [idOf(one), idOf(asked)];
  const isWithin = named.namespace === '' || named.namespace === there.namespace;
  return there.kind === named.kind && there.name === named.name && isWithin;
}

/** As kubectl's JSONPath writes a field: a map or a list as JSON, the elements of a list between spaces. */
function cell(object: JsonMap, path: string): string {
  const [list = '', field] = path.slice(1).split('[*].');
  const value: Json | undefined = valueAt(object, list.split('.'));
  if (field !== undefined) {
    return maps(value)
      .map((one) => text(one[field]))
      .join(' ');
  }
  return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

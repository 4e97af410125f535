import { nameWithoutHash } from '../check/generated-names.ts';
import { isMap, type Json, type JsonMap, type RenderedObject, text } from '../check/model.ts';
import type { RenderedEnvironment } from './environments.ts';

/** What an object is in every environment. `{environment}` stands for the environment's name in `name`. */
export type Identity = {
  group: string;
  kind: string;
  name: string;
  /** '' in the environment's own namespace, or in none. */
  namespace: string;
};

/** An object as an environment has it; `comparable` is its value without what differs by itself. */
type Instance = { object: RenderedObject; comparable: JsonMap };

/** One object, by the names of the environments that have it. */
export type Matched = { identity: Identity; instances: Map<string, Instance> };

const placeholder = '{environment}';

type Found = { environment: RenderedEnvironment; object: RenderedObject; identity: Identity; called: string };

/**
 * Which objects of the environments are the same one: by group, kind and name, the hash of a generated name looked
 * through. A name that one environment alone has matches by what remains of it without the environment's name, and
 * then without what the overlay puts before and behind names.
 */
export function matchObjects(environments: RenderedEnvironment[]): Matched[] {
  const exact = environments.flatMap((environment) =>
    environment.objects.map((object): Found => {
      const identity = identityOf(object, environment);
      return { environment, object, identity, called: identity.name };
    }),
  );
  const found = matchedBy(matchedBy(exact, withoutEnvironment), withoutAffixes);
  const names = Map.groupBy(found, ({ environment }) => environment);
  return [...Map.groupBy(found, ({ identity }) => keyOf(identity)).values()].map((same) => ({
    identity: (same[0] as Found).identity,
    instances: new Map(
      same.map(({ environment, object, called }) => {
        const matches = (names.get(environment) ?? []).map(({ object, identity }): [string, string] => [
          object.id.name,
          identity.name,
        ]);
        return [
          environment.name,
          { object, comparable: comparable(object, called, environment, new Map(matches)) },
        ];
      }),
    ),
  }));
}

/** Has those that are alone match by a name that is looser, where that makes no two of one environment the same. */
function matchedBy(found: Found[], loosened: (one: Found) => Found): Found[] {
  const environmentsOf = (same: Found[] = []) => new Set(same.map(({ environment }) => environment)).size;
  const having = Map.groupBy(found, ({ identity }) => keyOf(identity));
  const looser = found.map((one) =>
    environmentsOf(having.get(keyOf(one.identity))) > 1 ? one : loosened(one),
  );
  const merged = Map.groupBy(looser, ({ identity }) => keyOf(identity));
  return found.map((one, index) => {
    const next = looser[index] ?? one;
    const same = merged.get(keyOf(next.identity)) ?? [];
    return same.length > 1 && environmentsOf(same) === same.length ? next : one;
  });
}

function keyOf({ group, kind, name, namespace }: Identity): string {
  return [group, kind, namespace, name].join('\0');
}

function identityOf({ apiVersion, id }: RenderedObject, environment: RenderedEnvironment): Identity {
  const { kind, namespace } = id;
  return {
    group: apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '',
    kind,
    // The overlay's `namespace:` names it.
    name: kind === 'Namespace' && id.name === environment.namespace ? placeholder : nameWithoutHash(id),
    namespace: namespace === environment.namespace ? '' : namespace,
  };
}

/** By `{environment}` in place of the environment's name or namespace, where that is a whole word. */
function withoutEnvironment(found: Found): Found {
  const { name, namespace } = found.environment;
  const words = [namespace, name.replaceAll('/', '-'), name.split('/').at(-1) ?? '']
    .filter((word) => word !== '')
    .sort((one, other) => other.length - one.length)
    .map((word) => RegExp.escape(word));
  const word = new RegExp(`(?<![a-z0-9])(?:${words.join('|')})(?![a-z0-9])`, 'g');
  const general = (said: string) => said.replace(word, placeholder);
  const { identity } = found;
  const called = general(identity.name);
  return {
    ...found,
    called,
    identity: { ...identity, name: called, namespace: general(identity.namespace) },
  };
}

/** By the name without the overlay's `namePrefix` and `nameSuffix`. */
function withoutAffixes(found: Found): Found {
  const { namePrefix, nameSuffix } = found.environment.kustomizations[0]?.value ?? {};
  const [before, behind] = [text(namePrefix), text(nameSuffix)];
  const { name } = found.identity;
  const has = name.startsWith(before) && name.endsWith(behind) && name.length > before.length + behind.length;
  const bare = name.slice(before.length, name.length - behind.length);
  return has ? { ...found, identity: { ...found.identity, name: bare } } : found;
}

/** Where Kustomize writes an overlay's namespace, besides metadata; `*` is any item of a list. */
const namespacePaths: Record<string, string[]> = {
  RoleBinding: ['subjects.*.namespace'],
  ClusterRoleBinding: ['subjects.*.namespace'],
  ValidatingWebhookConfiguration: ['webhooks.*.clientConfig.service.namespace'],
  MutatingWebhookConfiguration: ['webhooks.*.clientConfig.service.namespace'],
  APIService: ['spec.service.namespace'],
  CustomResourceDefinition: ['spec.conversion.webhook.clientConfig.service.namespace'],
};

/** An object's value without its namespace, under the name that it is called by, others under those that they match by. */
function comparable(
  { id, value }: RenderedObject,
  called: string,
  { namespace }: RenderedEnvironment,
  matches: Map<string, string>,
): JsonMap {
  const paths = namespacePaths[id.kind] ?? [];
  const rewrite = (here: Json, path: string, step: string): Json => {
    if (Array.isArray(here)) {
      return here.map((item) => rewrite(item, `${path}.*`, '*'));
    }
    if (isMap(here)) {
      const entries = Object.entries(here).map(([key, item]): [string, Json] => {
        const at = path === '' ? key : `${path}.${key}`;
        // Keys of data and labels may be called so too, and are no references.
        return [key, rewrite(item, at, /^data\.|(^|\.)metadata\.(labels|annotations)\./.test(at) ? '' : key)];
      });
      return Object.fromEntries(entries);
    }
    if (here === namespace && paths.includes(path)) {
      return '{namespace}';
    }
    return /(^n|N)ame$/.test(step) ? (matches.get(text(here)) ?? here) : here;
  };
  const { metadata, ...rest } = rewrite(value, '', '') as JsonMap;
  const { namespace: _, ...more } = isMap(metadata) ? metadata : {};
  return { metadata: { ...more, name: called }, ...rest };
}

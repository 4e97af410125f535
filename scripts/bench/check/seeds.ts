import { stringify } from 'yaml';
import { isMap, type JsonMap, maps, text, valueAt } from '../../check/model.ts';
import { cleanObjects } from './objects.ts';
import { draw, type Random, randomFrom } from './random.ts';
import { type ComparedRule, ruleNames } from './rules.ts';

/** Objects and, for each rule, the names of those that break it, such as `Deployment/app-7`. */
export type Seeded = { objects: JsonMap[]; broken: Map<ComparedRule, Set<string>> };

/** How a rule is broken in a container, in one of several ways. */
type Break = (container: JsonMap, way: number) => void;

const serving = ['Deployment', 'StatefulSet'];
const workloads = [...serving, 'CronJob'];

const inContainers: Record<Exclude<ComparedRule, 'service-type'>, { kinds: string[]; break: Break }> = {
  'unknown-field': {
    kinds: workloads,
    break: (container) => Object.assign(container, { imagePullPolice: 'Always' }),
  },
  'image-tag': {
    kinds: workloads,
    break: (container, way) => {
      const untagged = text(container.image).replace(/:[^:]*$/, '');
      container.image = way % 2 === 0 ? `${untagged}:latest` : untagged;
    },
  },
  resources: {
    kinds: workloads,
    break: (container, way) => {
      const fields = [
        ['requests', 'cpu'],
        ['requests', 'memory'],
        ['limits', 'memory'],
      ];
      remove(container, ['resources', ...(fields[way % fields.length] ?? [])]);
    },
  },
  'ephemeral-storage': {
    kinds: workloads,
    break: (container, way) =>
      remove(container, ['resources', way % 2 === 0 ? 'requests' : 'limits', 'ephemeral-storage']),
  },
  'readiness-probe': { kinds: serving, break: (container) => remove(container, ['readinessProbe']) },
  'liveness-probe': { kinds: serving, break: (container) => remove(container, ['livenessProbe']) },
  'run-as-non-root': {
    kinds: workloads,
    break: (container) => Object.assign(mapAt(container, ['securityContext']), { runAsNonRoot: false }),
  },
  'read-only-root': {
    kinds: workloads,
    break: (container) => remove(container, ['securityContext', 'readOnlyRootFilesystem']),
  },
  'privilege-escalation': {
    kinds: workloads,
    break: (container) => remove(container, ['securityContext', 'allowPrivilegeEscalation']),
  },
  capabilities: {
    kinds: workloads,
    break: (container, way) => {
      const context = mapAt(container, ['securityContext']);
      if (way % 2 === 0) {
        delete context.capabilities;
      } else {
        context.capabilities = { drop: ['NET_RAW'] };
      }
    },
  },
  'duplicate-env': {
    kinds: workloads,
    break: (container) => {
      const env = maps(container.env);
      container.env = [...env, { name: text(env[0]?.name), value: 'again' }];
    },
  },
};

/**
 * `count` objects in which each rule is broken by one in a hundred, and by one at least; an object may break several.
 * The same seed gives the same objects.
 */
export function seededObjects(count: number, seed: number): Seeded {
  const random = randomFrom(seed);
  const objects = cleanObjects(count, random);
  const each = Math.max(1, Math.floor(count / 100));
  const broken = new Map(ruleNames.map((rule) => [rule, breakRule(rule, objects, each, random)]));
  return { objects, broken };
}

/** One file, a document an object. */
export function asYaml(objects: JsonMap[]): string {
  return objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
}

/** What an object is called here: kind and name, which the generator makes unique and every tool reports. */
export function objectName({ kind, name }: { kind: string; name: string }): string {
  return `${kind}/${name}`;
}

function breakRule(rule: ComparedRule, objects: JsonMap[], count: number, random: Random): Set<string> {
  const kinds = rule === 'service-type' ? ['Service'] : inContainers[rule].kinds;
  const drawn = draw(
    objects.filter(({ kind }) => kinds.includes(text(kind))),
    count,
    random,
  );
  for (const [way, object] of drawn.entries()) {
    if (rule === 'service-type') {
      const spec = mapAt(object, ['spec']);
      delete spec.clusterIP;
      spec.type = 'NodePort';
    } else {
      const [container = {}] = draw(containersOf(object), 1, random);
      inContainers[rule].break(container, way);
    }
  }
  return new Set(
    drawn.map((object) =>
      objectName({ kind: text(object.kind), name: text(mapAt(object, ['metadata']).name) }),
    ),
  );
}

function containersOf(object: JsonMap): JsonMap[] {
  const template = object.kind === 'CronJob' ? ['jobTemplate', 'spec', 'template'] : ['template'];
  return maps(valueAt(object, ['spec', ...template, 'spec', 'containers']));
}

function remove(container: JsonMap, path: string[]): void {
  delete mapAt(container, path.slice(0, -1))[path.at(-1) ?? ''];
}

function mapAt(value: JsonMap, path: string[]): JsonMap {
  const found = valueAt(value, path);
  return isMap(found) ? found : {};
}

import {
  type FieldPath,
  isMap,
  type Json,
  type JsonMap,
  maps,
  text,
  type Violation,
  valueAt,
} from '../model.ts';
import { containersOf, type Graph, type Node, oncePerGraph, type Pod, qualified, shown } from './graph.ts';
import { podMonitor } from './monitors.ts';
import { type Named, namedBy } from './operators/operators.ts';
import { declarations, outsideAnnotation, outsideGit, outsideName, podsOutside } from './outside.ts';
import { backendsOf } from './ports.ts';
import { type GraphRule, graphRule, inEnvironments } from './rule.ts';
import { deadSelector } from './selectors.ts';

/** A name in one object's field that stands for another object, and for one of its keys where it says one. */
type Reference = {
  from: Node;
  path: FieldPath;
  kind: string;
  namespace: string;
  name: string;
  key?: { name: string; path: FieldPath };
  optional: boolean;
};

const group = 'rbac.authorization.k8s.io';

/** Every reference of a target whose object must be there. */
const references = oncePerGraph((graph: Graph): Reference[] => [
  ...graph.pods.flatMap((pod) => [...configReferences(pod), ...podReferences(pod)]),
  ...graph.nodes.flatMap((node) => objectReferences(graph, node)),
]);

function configReferences(pod: Pod): Reference[] {
  const found: Reference[] = [];
  const { namespace } = pod.object.id;
  const add = (kind: string, source: Json | undefined, at: FieldPath, nameField = 'name') => {
    if (!isMap(source) || text(source[nameField]) === '') {
      return;
    }
    const reference = {
      from: pod,
      path: [...at, nameField],
      kind,
      namespace,
      name: text(source[nameField]),
      optional: source.optional === true,
    };
    const keys = [
      ...(text(source.key) === '' ? [] : [{ name: text(source.key), path: [...at, 'key'] }]),
      ...maps(source.items).map((item, index) => ({
        name: text(item.key),
        path: [...at, 'items', index, 'key'],
      })),
    ];
    found.push(...(keys.length === 0 ? [reference] : keys.map((key) => ({ ...reference, key }))));
  };
  for (const { container, path } of containersOf(pod)) {
    for (const [index, { valueFrom }] of maps(container.env).entries()) {
      const at = [...path, 'env', index, 'valueFrom'];
      add('ConfigMap', isMap(valueFrom) ? valueFrom.configMapKeyRef : undefined, [...at, 'configMapKeyRef']);
      add('Secret', isMap(valueFrom) ? valueFrom.secretKeyRef : undefined, [...at, 'secretKeyRef']);
    }
    for (const [index, { configMapRef, secretRef }] of maps(container.envFrom).entries()) {
      add('ConfigMap', configMapRef, [...path, 'envFrom', index, 'configMapRef']);
      add('Secret', secretRef, [...path, 'envFrom', index, 'secretRef']);
    }
  }
  for (const [index, volume] of maps(pod.pod.volumes).entries()) {
    const at = [...pod.path, 'volumes', index];
    add('ConfigMap', volume.configMap, [...at, 'configMap']);
    add('Secret', volume.secret, [...at, 'secret'], 'secretName');
    const sources = isMap(volume.projected) ? maps(volume.projected.sources) : [];
    for (const [nth, { configMap, secret }] of sources.entries()) {
      add('ConfigMap', configMap, [...at, 'projected', 'sources', nth, 'configMap']);
      add('Secret', secret, [...at, 'projected', 'sources', nth, 'secret']);
    }
  }
  for (const [index, secret] of maps(pod.pod.imagePullSecrets).entries()) {
    add('Secret', secret, [...pod.path, 'imagePullSecrets', index]);
  }
  return found;
}

function podReferences(pod: Pod): Reference[] {
  const { namespace } = pod.object.id;
  const claims = maps(pod.pod.volumes).flatMap((volume, index): Reference[] => {
    const claim = volume.persistentVolumeClaim;
    const path = [...pod.path, 'volumes', index, 'persistentVolumeClaim', 'claimName'];
    return isMap(claim)
      ? [
          {
            from: pod,
            path,
            kind: 'PersistentVolumeClaim',
            namespace,
            name: text(claim.claimName),
            optional: false,
          },
        ]
      : [];
  });
  const named = (field: string, kind: string, within: string): Reference => ({
    from: pod,
    path: [...pod.path, field],
    kind,
    namespace: within,
    name: text(pod.pod[field]),
    optional: false,
  });
  return [
    ...claims,
    named('serviceAccountName', 'ServiceAccount', namespace),
    named('priorityClassName', 'scheduling.k8s.io/PriorityClass', ''),
    // It is the cluster's, as its nodes' runtimes are: whoever names it declares it.
    named('runtimeClassName', 'node.k8s.io/RuntimeClass', namespace),
  ];
}

function objectReferences(graph: Graph, node: Node): Reference[] {
  const { namespace } = node.object.id;
  const to = (kind: string, path: FieldPath, name: Json | undefined, within = namespace): Reference => ({
    from: node,
    path,
    kind,
    namespace: within,
    name: text(name),
    optional: false,
  });
  switch (node.kind) {
    case 'autoscaling/HorizontalPodAutoscaler': {
      const target = isMap(node.spec.scaleTargetRef) ? node.spec.scaleTargetRef : {};
      const kind = qualified(text(target.apiVersion), text(target.kind));
      return [to(kind, ['spec', 'scaleTargetRef', 'name'], target.name)];
    }
    case 'apps/StatefulSet':
      return [to('Service', ['spec', 'serviceName'], node.spec.serviceName)];
    case `${group}/RoleBinding`:
    case `${group}/ClusterRoleBinding`:
      return bindingReferences(graph, node, to);
    case 'Service':
    case 'policy/PodDisruptionBudget':
    case 'networking.k8s.io/NetworkPolicy':
    case podMonitor: {
      const path = deadSelector(graph, node);
      return path === undefined ? [] : podsOutside(node).map((name) => to('Pod', path, name));
    }
    default:
      return [
        ...namedBy(node).flatMap(named(node)),
        ...backendsOf(graph, node).map(({ path, namespace: within, name }) =>
          to('Service', [...path, 'name'], name, within),
        ),
      ];
  }
}

/** What an operator's object names, once for each key. */
function named(from: Node): (one: Named) => Reference[] {
  const { namespace } = from.object.id;
  return ({ keys, ...one }) => {
    const reference = { ...one, from, namespace, optional: false };
    return keys.length === 0 ? [reference] : keys.map((key) => ({ ...reference, key }));
  };
}

function bindingReferences(
  graph: Graph,
  { object }: Node,
  to: (kind: string, path: FieldPath, name: Json | undefined, within?: string) => Reference,
): Reference[] {
  const role: JsonMap = isMap(object.value.roleRef) ? object.value.roleRef : {};
  const within = role.kind === 'Role' ? object.id.namespace : '';
  const subjects = maps(object.value.subjects).flatMap((subject, index) => {
    const namespace = text(subject.namespace) || object.id.namespace;
    // What another target's namespace has is not known here.
    return subject.kind === 'ServiceAccount' && graph.namespaces.has(namespace)
      ? [to('ServiceAccount', ['subjects', index, 'name'], subject.name, namespace)]
      : [];
  });
  return [to(`${group}/${text(role.kind)}`, ['roleRef', 'name'], role.name, within), ...subjects];
}

/** What every namespace and cluster has without being told. */
function isBuiltIn({ kind, name }: Reference): boolean {
  return (
    (kind === 'ServiceAccount' && name === 'default') ||
    (kind === 'ConfigMap' && name === 'kube-root-ca.crt') ||
    (kind === 'scheduling.k8s.io/PriorityClass' && /^system-(cluster|node)-critical$/.test(name)) ||
    (kind === `${group}/ClusterRole` && /^(cluster-admin|admin|edit|view|system:.*)$/.test(name))
  );
}

/** The claims that StatefulSets make for their pods: template, name and number, joined by a dash. */
const claimsOfSets = oncePerGraph(
  (graph: Graph) =>
    new Set(
      graph.ofKind('apps/StatefulSet').flatMap(({ object, spec }) =>
        maps(spec.volumeClaimTemplates).map((claim) => {
          const template = text(valueAt(claim, ['metadata', 'name']));
          return `${object.id.namespace}/${template}-${object.id.name}`;
        }),
      ),
    ),
);

function isThere(graph: Graph, reference: Reference): boolean {
  const { kind, namespace, name } = reference;
  return (
    name === '' ||
    isBuiltIn(reference) ||
    graph.find(kind, namespace, name) !== undefined ||
    outsideGit(graph, kind, namespace, name) !== undefined ||
    (kind === 'PersistentVolumeClaim' && claimsOfSets(graph).has(`${namespace}/${name.replace(/-\d+$/, '')}`))
  );
}

function isConfig({ kind }: Reference): boolean {
  return kind === 'ConfigMap' || kind === 'Secret';
}

function missing(graph: Graph, found: Reference[]): Violation[] {
  return found
    .filter((reference) => !reference.optional && !isThere(graph, reference))
    .map(({ from, path, kind, name }) => ({
      object: from.object,
      path,
      message: `there is no ${kind.slice(kind.lastIndexOf('/') + 1)} ${name}`,
    }));
}

function missingKeys(graph: Graph): Violation[] {
  return references(graph).flatMap(({ from, kind, namespace, name, key, optional }) => {
    const node = graph.find(kind, namespace, name);
    if (key === undefined || optional) {
      return [];
    }
    const fields = kind === 'Secret' ? ['data', 'stringData'] : ['data', 'binaryData'];
    const inGit = fields.some(
      (field) => valueAt(node?.object.value ?? null, [field, key.name]) !== undefined,
    );
    // An operator's has the keys that it makes, whatever is declared; without `data` they are not known.
    const isMade = node?.maker !== undefined && isMap(node.object.value.data);
    const outside = isMade ? undefined : outsideGit(graph, kind, namespace, name);
    const known = node !== undefined || outside !== undefined;
    return !known || inGit || outside?.has(key.name) === true
      ? []
      : [{ object: from.object, path: key.path, message: `${kind} ${name} has no key ${key.name}` }];
  });
}

/** Declarations that cannot be read, and those that nothing needs. */
function idleDeclarations(graph: Graph): Violation[] {
  const { declared, malformed } = declarations(graph);
  const used = new Set(
    references(graph).flatMap(({ kind, namespace, name, key }) => {
      const known = outsideName(kind, namespace, name);
      return [known, `${known}\0${key?.name ?? ''}`];
    }),
  );
  const idle = declared.filter(({ kind, namespace, name, key }) => {
    const known = outsideName(kind, namespace, name);
    return !used.has(key === '' ? known : `${known}\0${key}`);
  });
  const path = ['metadata', 'annotations', outsideAnnotation];
  return [
    ...malformed.map(({ node, entry }) => ({
      object: node.object,
      path,
      message: `${entry} is neither KIND/NAME nor KIND/NAME/KEY`,
    })),
    ...idle.map(({ node, entry }) => ({ object: node.object, path, message: `nothing refers to ${entry}` })),
  ];
}

export const referenceRules: GraphRule[] = [
  graphRule(
    {
      id: 'outside-git',
      group: 'references',
      why: 'A declaration of what is outside Git that nothing refers to would hide the next slip in a name.',
      fix: `Write ${outsideAnnotation} as KIND/NAME or KIND/NAME/KEY, and take away what nothing names any more.`,
    },
    inEnvironments(idleDeclarations),
  ),
  graphRule(
    {
      id: 'config-reference',
      group: 'references',
      why: 'A pod whose ConfigMap or Secret, or a key of it, is not there does not start.',
      fix:
        'Correct the name or the key. What is made outside Git is declared on an object that needs it: ' +
        '' +
        `${outsideAnnotation}: Secret/NAME/KEY.`,
    },
    inEnvironments((graph) => [
      ...missing(graph, dedupe(references(graph).filter(isConfig))),
      ...missingKeys(graph),
    ]),
  ),
  graphRule(
    {
      id: 'dangling-reference',
      group: 'references',
      why: 'What an object names must be there: a claim or an account that is not keeps the pod from starting.',
      fix: `Correct the name, or declare what is outside Git: ${outsideAnnotation}: KIND/NAME.`,
    },
    inEnvironments((graph) =>
      missing(
        graph,
        references(graph).filter((reference) => !isConfig(reference)),
      ),
    ),
  ),
];

/** A name is one thing to mend, however many of its keys are read beside it. */
function dedupe(found: Reference[]): Reference[] {
  const places = found.map((one) => [`${shown(one.from)}\0${one.path.join('\0')}`, one] as const);
  return [...new Map(places).values()];
}

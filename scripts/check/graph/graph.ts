import { asAdmitted } from '../admission/defaults.ts';
import { selects } from '../admission/selectors.ts';
import {
  type FieldPath,
  isMap,
  type Json,
  type JsonMap,
  maps,
  type RenderedObject,
  type Target,
  text,
  valueAt,
} from '../model.ts';
import { type Made, madeOf } from './operators/operators.ts';

/** One object of a target. `kind` has its API group in front where it has one: Service, apps/Deployment. */
export type Node = {
  object: RenderedObject;
  kind: string;
  /** `spec` with the API's defaults, empty where there is none. */
  spec: JsonMap;
  /** What Git has of it, where an operator makes it. */
  maker?: Node;
};

/** The pod of a workload, or a pod itself; each pod that an operator makes of an object, with that object. */
export type Pod = Node & {
  /** From the object to the pod's spec. */
  path: FieldPath;
  pod: JsonMap;
  labels: JsonMap;
  /** What the operator makes of the object besides. */
  made?: Made;
};

/** A container with its path from the workload; `serves` where it runs beside the others rather than before them. */
export type Container = { container: JsonMap; path: FieldPath; serves: boolean };

/**
 * The objects of one target, with indexes: no rule has to look at each object for each other one. What operators make
 * of them is found by its name, and its pods by their labels; it is no object to judge.
 */
export class Graph {
  readonly target: Target;
  readonly nodes: Node[];
  /** What operators make of the nodes. */
  readonly made: Node[] = [];
  readonly pods: Pod[];
  /** The namespaces of which this target has at least one object. */
  readonly namespaces: Set<string>;
  readonly #byKind: Map<string, Node[]>;
  readonly #byName: Map<string, Node>;
  readonly #byLabel = new Map<string, Pod[]>();

  constructor(target: Target, objects: RenderedObject[]) {
    this.target = target;
    this.nodes = objects.map(nodeOf);
    this.pods = this.nodes.flatMap((node) => {
      const made = madeOf(node);
      this.made.push(...(made?.objects ?? []).map((value) => madeNode(value, node)));
      return made === undefined ? podOf(node) : madePods(node, made);
    });
    this.namespaces = new Set(
      objects
        .map(({ id }) => (id.kind === 'Namespace' ? id.name : id.namespace))
        .filter((name) => name !== ''),
    );
    this.#byKind = Map.groupBy(this.nodes, ({ kind }) => kind);
    // What Git has goes before.
    this.#byName = new Map(
      [...this.made, ...this.nodes].map((node) => [
        key(node.kind, node.object.id.namespace, node.object.id.name),
        node,
      ]),
    );
    for (const pod of this.pods) {
      const { namespace } = pod.object.id;
      for (const place of [
        key(namespace),
        ...Object.entries(pod.labels).flatMap(([name, value]) => [
          key(namespace, name),
          key(namespace, name, String(value)),
        ]),
      ]) {
        const list = this.#byLabel.get(place) ?? [];
        this.#byLabel.set(place, list);
        list.push(pod);
      }
    }
  }

  /** What Git has. @param kinds as in `Node` */
  ofKind(...kinds: string[]): Node[] {
    return kinds.flatMap((kind) => this.#byKind.get(kind) ?? []);
  }

  find(kind: string, namespace: string, name: string): Node | undefined {
    return this.#byName.get(key(kind, namespace, name));
  }

  /** The pods of a namespace that a LabelSelector selects, all of them when it is empty. */
  selected(namespace: string, selector: Json | undefined): Pod[] {
    const { matchLabels, matchExpressions } = isMap(selector) ? selector : {};
    const lists = [
      key(namespace),
      ...Object.entries(isMap(matchLabels) ? matchLabels : {}).map(([name, value]) =>
        key(namespace, name, String(value)),
      ),
      ...maps(matchExpressions).flatMap(({ key: name, operator }) =>
        operator === 'In' || operator === 'Exists' ? [key(namespace, text(name))] : [],
      ),
    ].map((place) => this.#byLabel.get(place) ?? []);
    const shortest = lists.reduce((one, other) => (other.length < one.length ? other : one));
    return shortest.filter(({ labels }) => selects(selector, labels));
  }
}

function key(...parts: string[]): string {
  return parts.join('\0');
}

function nodeOf(object: RenderedObject): Node {
  const value = isMap(object.value.spec) ? asAdmitted(object.value) : {};
  const kind = qualified(object.apiVersion, object.id.kind);
  return { object, kind, spec: isMap(value.spec) ? value.spec : {} };
}

function madeNode(value: JsonMap, maker: Node): Node {
  const { target, source, id } = maker.object;
  const name = text(valueAt(value, ['metadata', 'name']));
  const made = { kind: text(value.kind), namespace: id.namespace, name };
  return { ...nodeOf({ target, apiVersion: text(value.apiVersion), id: made, value, source }), maker };
}

function madePods(node: Node, made: Made): Pod[] {
  return made.pods.map(({ labels, spec }) => ({ ...node, path: ['spec'], pod: spec, labels, made }));
}

/** A kind with its API group in front, as in `Node`. */
export function qualified(apiVersion: string, kind: string): string {
  return apiVersion.includes('/') ? `${apiVersion.split('/')[0]}/${kind}` : kind;
}

/** Any kind that keeps a pod template where Deployments do is a workload: operators' kinds too. */
function podOf(node: Node): Pod[] {
  const paths: FieldPath[] = node.kind === 'Pod' ? [[]] : [['template'], ['jobTemplate', 'spec', 'template']];
  return paths.flatMap((path) => {
    const template = node.kind === 'Pod' ? node.object.value : valueAt(node.spec, path);
    const pod = valueAt(node.spec, node.kind === 'Pod' ? [] : [...path, 'spec']);
    if (!isMap(template) || !isMap(pod) || !Array.isArray(pod.containers)) {
      return [];
    }
    const { labels } = isMap(template.metadata) ? template.metadata : {};
    const at = node.kind === 'Pod' ? ['spec'] : ['spec', ...path, 'spec'];
    return [{ ...node, path: at, pod, labels: isMap(labels) ? labels : {} }];
  });
}

/** One pod of each object: an operator's may have several. */
export function firstOfEach(pods: Pod[]): Pod[] {
  return [...new Map(pods.toReversed().map((pod) => [pod.object, pod])).values()].toReversed();
}

/** A pod's containers, those that only run before the others included. */
export function containersOf({ pod, path, made }: Pod): Container[] {
  return (['containers', 'initContainers'] as const).flatMap((field) =>
    maps(pod[field]).map((container, index) => ({
      container,
      // What an operator's object says of its container is in its own spec.
      path: made === undefined ? [...path, field, index] : path,
      serves: field === 'containers' || container.restartPolicy === 'Always',
    })),
  );
}

/** The number of a pod's port, by the name that a container gives it; undefined when none does. */
export function portNumber(pod: Pod, name: string, protocol: string): number | undefined {
  const port = containersOf(pod)
    .filter(({ serves }) => serves)
    .flatMap(({ container }) => maps(container.ports))
    .find((candidate) => candidate.name === name && candidate.protocol === protocol);
  return typeof port?.containerPort === 'number' ? port.containerPort : undefined;
}

/** An object's annotation, '' when it has none of the name. */
export function annotation({ object }: Node, name: string): string {
  return text(valueAt(object.value, ['metadata', 'annotations', name]));
}

/** A kind and a name, for messages. */
export function shown({ object }: { object: RenderedObject }): string {
  return `${object.id.kind} ${object.id.name}`;
}

/** What is computed once for each graph. */
export function oncePerGraph<T>(compute: (graph: Graph) => T): (graph: Graph) => T {
  const known = new WeakMap<Graph, { value: T }>();
  return (graph) => {
    const found = known.get(graph) ?? { value: compute(graph) };
    known.set(graph, found);
    return found.value;
  };
}

import { annotation, type Graph, type Node, oncePerGraph } from './graph.ts';

/**
 * Says on any object what its namespace has that Git does not: KIND/NAME or KIND/NAME/KEY, separated by commas.
 * References are held to it as to what Git has.
 */
export const outsideAnnotation = 'quotes.check/outside-git';

type Declared = { node: Node; entry: string; kind: string; namespace: string; name: string; key: string };

/** What a target declares to be outside Git, and what is no declaration. */
export const declarations = oncePerGraph((graph: Graph) => {
  const declared: Declared[] = [];
  const malformed: { node: Node; entry: string }[] = [];
  for (const node of graph.nodes) {
    const { id } = node.object;
    for (const entry of listed(annotation(node, outsideAnnotation))) {
      const [, kind, name, key = ''] = /^([A-Z]\w*)\/([^/]+)(?:\/([^/]+))?$/.exec(entry) ?? [];
      if (kind === undefined || name === undefined) {
        malformed.push({ node, entry });
      } else {
        const namespace = id.kind === 'Namespace' ? id.name : id.namespace;
        declared.push({ node, entry, kind, namespace, name, key });
      }
    }
  }
  const byName = Map.groupBy(declared, (one) => outsideName(one.kind, one.namespace, one.name));
  return { declared, malformed, byName };
});

/** The parts of a text between commas, without empty ones. */
export function listed(value: string): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** One name for an object outside Git; the API group of its kind is left out, as declarations do. */
export function outsideName(kind: string, namespace: string, name: string): string {
  return [kind.slice(kind.lastIndexOf('/') + 1), namespace, name].join('\0');
}

/** An object that is declared to be outside Git, with any key where no declaration of it names one. */
export function outsideGit(
  graph: Graph,
  kind: string,
  namespace: string,
  name: string,
): { has: (key: string) => boolean } | undefined {
  const found = declarations(graph).byName.get(outsideName(kind, namespace, name));
  return found && { has: (key) => found.some((one) => one.key === '' || one.key === key) };
}

/** The pods outside Git that an object declares: those that an operator makes, where it is what selects them. */
export function podsOutside(node: Node): string[] {
  return listed(annotation(node, outsideAnnotation)).flatMap((entry) => /^Pod\/(.+)$/.exec(entry)?.[1] ?? []);
}

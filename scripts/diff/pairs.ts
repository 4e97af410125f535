import { nameWithoutHash } from '../check/generated-names.ts';
import type { RenderedObject } from '../check/model.ts';

/** An object on both sides; one side is absent where it was added or removed. */
export type Pair = { was?: RenderedObject; is?: RenderedObject };

/**
 * Puts together the objects that are one: by group, kind, namespace and name, and a generator's by its name without
 * the hash of its content. In the order of the second side, what is removed last.
 */
export function pairs(was: RenderedObject[], is: RenderedObject[]): Pair[] {
  const exact = matched(was, is, identity);
  const [lost, found] = [
    was.filter((one) => !exact.has(one)),
    is.filter((one) => !new Set(exact.values()).has(one)),
  ];
  const renamed = matched(onlyOnes(lost), onlyOnes(found), withoutHash);
  const former = new Map([...exact, ...renamed].map(([one, other]) => [other, one]));
  return [
    ...is.map((object): Pair => {
      const before = former.get(object);
      return { is: object, ...(before !== undefined && { was: before }) };
    }),
    ...lost.filter((object) => !renamed.has(object)).map((object): Pair => ({ was: object })),
  ];
}

function matched(
  was: RenderedObject[],
  is: RenderedObject[],
  key: (object: RenderedObject) => string | undefined,
): Map<RenderedObject, RenderedObject> {
  const places = new Map(is.map((object) => [key(object), object]));
  return new Map(
    was.flatMap((object): [RenderedObject, RenderedObject][] => {
      const name = key(object);
      const other = name === undefined ? undefined : places.get(name);
      return other === undefined ? [] : [[object, other]];
    }),
  );
}

function identity({ apiVersion, id }: RenderedObject): string {
  return JSON.stringify([apiVersion.replace(/\/?[^/]*$/, ''), id.kind, id.namespace, id.name]);
}

function withoutHash(object: RenderedObject): string | undefined {
  return isGenerated(object)
    ? identity({ ...object, id: { ...object.id, name: nameWithoutHash(object.id) } })
    : undefined;
}

/** Those whose name without its hash is no other's: of two, nobody can say which one became which. */
function onlyOnes(objects: RenderedObject[]): RenderedObject[] {
  const alike = Map.groupBy(objects, withoutHash);
  return objects.filter((object) => alike.get(withoutHash(object))?.length === 1);
}

/** Whether the name of an object changes with its content. */
export function isGenerated({ id }: RenderedObject): boolean {
  return nameWithoutHash(id) !== id.name;
}

import type { JsonMap, ObjectId } from '../../check/model.ts';
import { isMap, text, valueAt } from '../../check/model.ts';
import { type Kubectl, KubectlError } from '../../gitops/kubectl.ts';
import { argocdManager } from './managed-fields.ts';
import { objectsIn } from './normal-form.ts';

/** What the API server would make of an object, or why it refuses it. */
export type Answer = { made: JsonMap } | { refused: string };

/** How many programs ask at a time. */
const atATime = 8;

/** Applies the objects as Argo CD does, and has the API server throw the result away. In the order of the objects. */
export async function dryRun(kubectl: Kubectl, objects: JsonMap[], namespace: string): Promise<Answer[]> {
  const apply = async (some: JsonMap[]) => {
    const options = ['--server-side', '--dry-run=server', '--force-conflicts'];
    const manager = `--field-manager=${argocdManager}`;
    const made = await asked(kubectl, ['apply', ...options, manager], some, namespace);
    return some.map((object): Answer => {
      const own = made.find((one) => sameObject(one, object));
      return own === undefined ? { refused: 'kubectl says nothing of it' } : { made: own };
    });
  };
  return whole(objects, apply, (error) => ({ refused: plain(error) }));
}

/** The objects that the cluster has of those with their managedFields, undefined where it has none. In the order of the objects. */
export async function liveObjects(
  kubectl: Kubectl,
  objects: JsonMap[],
  namespace: string,
): Promise<(JsonMap | undefined)[]> {
  const get = async (some: JsonMap[]) => {
    const found = await asked(
      kubectl,
      ['get', '--ignore-not-found', '--show-managed-fields'],
      some,
      namespace,
    );
    return some.map((object) => found.find((one) => sameObject(one, object)));
  };
  return whole(objects, get, (error) => {
    // A kind that the cluster has not yet has no objects.
    if (
      /no matches for kind|NotFound|not found|the server doesn't have a resource type/i.test(error.message)
    ) {
      return undefined;
    }
    throw error;
  });
}

/** Asks about all at once; where that fails about each, as kubectl does not say which of them it was. */
async function whole<T>(
  objects: JsonMap[],
  ask: (some: JsonMap[]) => Promise<T[]>,
  onError: (error: KubectlError) => T,
): Promise<T[]> {
  if (objects.length === 0) {
    return [];
  }
  try {
    return await ask(objects);
  } catch (error) {
    if (!(error instanceof KubectlError)) {
      throw error;
    }
  }
  const answers: T[] = [];
  for (let from = 0; from < objects.length; from += atATime) {
    const some = objects.slice(from, from + atATime).map(async (object): Promise<T[]> => {
      try {
        return await ask([object]);
      } catch (error) {
        if (error instanceof KubectlError && !isAboutTheCluster(error)) {
          return [onError(error)];
        }
        throw error;
      }
    });
    answers.push(...(await Promise.all(some)).flat());
  }
  return answers;
}

/** A cluster that does not answer, or not us, refuses no object. */
function isAboutTheCluster({ message }: KubectlError): boolean {
  return /connection refused|unable to connect|no such host|i\/o timeout|unauthorized|you must be logged in|context .* does not exist/i.test(
    message,
  );
}

/** Objects without a namespace are of the Application's where their kind has one. */
async function asked(
  kubectl: Kubectl,
  command: string[],
  objects: JsonMap[],
  namespace: string,
): Promise<JsonMap[]> {
  const [bare, placed] = [
    objects.filter((one) => idOf(one).namespace === ''),
    objects.filter((one) => idOf(one).namespace !== ''),
  ];
  const ask = async (items: JsonMap[], options: string[]) =>
    items.length === 0
      ? []
      : objectsIn(
          await kubectl(
            [...command, ...options, '--filename=-', '--output=json'],
            JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
          ),
        );
  return [...(await ask(bare, [`--namespace=${namespace}`])), ...(await ask(placed, []))];
}

function sameObject(one: JsonMap, other: JsonMap): boolean {
  const [left, right] = [idOf(one), idOf(other)];
  const group = (object: JsonMap) => text(object.apiVersion).replace(/\/?[^/]*$/, '');
  return (
    left.kind === right.kind &&
    left.name === right.name &&
    (left.namespace === right.namespace || right.namespace === '') &&
    group(one) === group(other)
  );
}

/** What an object is called. */
export function idOf(object: JsonMap): ObjectId {
  const metadata = isMap(object.metadata) ? object.metadata : {};
  return {
    kind: text(object.kind),
    namespace: text(valueAt(metadata, ['namespace'])),
    name: text(valueAt(metadata, ['name'])),
  };
}

/** What the server said, without which kubectl was asked, and without the values that it cites. */
function plain({ message }: KubectlError): string {
  return message
    .replace(/^kubectl [^:]*: /, '')
    .replace(/^(Error from server \(\w+\)|error): /i, '')
    .replace(
      /(Invalid value: )(?:.|\n)*?(: (?:field is immutable|may not|must |Forbidden|updates to))/g,
      '$1…$2',
    )
    .replace(/\s*[\r\n]\s*/g, ' ')
    .trim();
}

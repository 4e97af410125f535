import { isMap, type JsonMap, text } from '../check/model.ts';
import { idOf } from '../diff/live/cluster.ts';
import { objectsIn } from '../diff/live/normal-form.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import { kindKey, type LiveObjects, ownersIn } from './live-objects.ts';
import type { Descendant } from './ownership.ts';

/** How many objects are asked for in one go, as far as kinds let that be: each is some kilobytes. */
const atOnce = 1000;

const secret = kindKey('', 'Secret');

/** The live objects of a namespace as their manifests. Of Secrets it has the names and keys: no value leaves kubectl. */
export async function manifestsOf(
  kubectl: Kubectl,
  namespace: string,
  { objects, listed }: LiveObjects,
): Promise<JsonMap[]> {
  const own = objects.filter(({ id }) => id.namespace === namespace);
  const kinds = [...Map.groupBy(own, ({ group, id }) => kindKey(group, id.kind))];
  const manifests: JsonMap[] = [];
  for (const batch of batches(kinds.filter(([kind]) => kind !== secret))) {
    const resources = batch.flatMap((kind) => listed.get(kind) ?? []);
    const list = ['get', resources.join(','), `--namespace=${namespace}`, '--output=json'];
    manifests.push(...objectsIn(await kubectl(list)));
  }
  const hasSecrets = kinds.some(([kind]) => kind === secret);
  return hasSecrets ? [...manifests, ...(await secretsOf(kubectl, namespace))] : manifests;
}

/** The kinds, so many together that their objects are not more than are asked for at once. */
function batches(kinds: [string, unknown[]][]): string[][] {
  const made: string[][] = [];
  let room = 0;
  for (const [kind, { length }] of kinds) {
    const last = made.at(-1);
    if (last === undefined || length > room) {
      made.push([kind]);
      room = atOnce - length;
    } else {
      last.push(kind);
      room -= length;
    }
  }
  return made;
}

async function secretsOf(kubectl: Kubectl, namespace: string): Promise<JsonMap[]> {
  const template =
    '{{range .items}}{{.metadata.name}}{{range $key, $value := .data}}{{"\\t"}}{{$key}}{{end}}{{"\\n"}}{{end}}';
  const output = await kubectl([
    'get',
    'secrets',
    `--namespace=${namespace}`,
    `--output=go-template=${template}`,
  ]);
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line): JsonMap => {
      const [name = '', ...keys] = line.split('\t');
      return {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace },
        data: Object.fromEntries(keys.map((key) => [key, ''])),
      };
    });
}

/** A live manifest as far as it says what made it; one that has no uid is no live one. */
export function descendantOf(value: JsonMap): Descendant {
  const metadata = isMap(value.metadata) ? value.metadata : {};
  return { id: idOf(value), uid: text(metadata.uid), owners: ownersIn(metadata.ownerReferences) };
}

import { isMap, type JsonMap, maps, type ObjectId, text } from '../check/model.ts';
import { type Kubectl, KubectlError } from '../gitops/kubectl.ts';

/** An object as far as it says whose it is: no field of it but these ever leaves kubectl. */
export type LiveObject = {
  /** '' for the core group. */
  group: string;
  id: ObjectId;
  uid: string;
  owners: Owner[];
  labels: JsonMap;
  /** Who wrote its fields. */
  managers: string[];
  /** ISO 8601. */
  created: string;
  /** Of a volume, the uid of the claim that it is for; '' for none. */
  claim: string;
  /** Of a (Cluster)RoleBinding, the role that it gives, and to whom; '' and none for anything else. */
  role: string;
  subjects: Subject[];
};

type Subject = { kind: string; namespace: string; name: string };

type Owner = { group: string; kind: string; name: string; uid: string; controller: boolean };

/** Every object of a cluster that somebody can have made, and what could not be listed, in kubectl's words. */
export type LiveObjects = {
  objects: LiveObject[];
  /** The kinds that were listed, as `kindKey` calls them, with their names in the API. */
  listed: Map<string, string>;
  unread: string[];
};

/** What controllers of Kubernetes write by the thousand, and nobody by hand, by their names in the API. */
const ofKubernetesAlone = new Set([
  'certificatesigningrequests.certificates.k8s.io',
  'csinodes.storage.k8s.io',
  'csistoragecapacities.storage.k8s.io',
  'endpoints',
  'endpointslices.discovery.k8s.io',
  'events',
  'events.events.k8s.io',
  'ipaddresses.networking.k8s.io',
  'leases.coordination.k8s.io',
  'resourceslices.resource.k8s.io',
  'volumeattachments.storage.k8s.io',
]);

const columns = [
  '.apiVersion',
  '.kind',
  '.metadata.namespace',
  '.metadata.name',
  '.metadata.uid',
  '.metadata.creationTimestamp',
  '.spec.claimRef.uid',
  '.metadata.managedFields[*].manager',
  '.metadata.ownerReferences',
  '.metadata.labels',
  '.roleRef.name',
  '.subjects',
];
const template = `{range .items[*]}${columns.map((column) => `{${column}}`).join('{"\\t"}')}{"\\n"}{end}`;

/**
 * Lists the objects of all kinds in all namespaces. What cannot be created, such as metrics, is no object.
 * @throws {KubectlError} when the cluster does not answer
 */
export async function readLive(kubectl: Kubectl): Promise<LiveObjects> {
  const unread: string[] = [];
  const asked = async (args: string[]) => {
    try {
      return await kubectl(args);
    } catch (error) {
      if (!(error instanceof KubectlError) || error.output === '') {
        throw error;
      }
      unread.push(...complaints(error));
      return error.output;
    }
  };
  const kinds = kindsIn(await asked(['api-resources', '--verbs=list,create', '--no-headers']));
  const resources = kinds.map(({ resource }) => resource);
  const output = await asked([
    'get',
    resources.join(','),
    '--all-namespaces',
    `--output=jsonpath=${template}`,
  ]);
  return {
    objects: output
      .split('\n')
      .filter((line) => line !== '')
      .flatMap((line) => {
        const object = liveObject(line);
        if (object === undefined) {
          unread.push(`kubectl wrote what is no object: ${line.slice(0, 100)}`);
        }
        return object ?? [];
      }),
    listed: new Map(kinds.map(({ key, resource }) => [key, resource])),
    unread,
  };
}

/** A kind with its API group. */
export function kindKey(group: string, kind: string): string {
  return `${group}/${kind}`;
}

/** The group of an apiVersion, '' for the core one. */
export function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
}

/** Reads the lines of `kubectl api-resources`: NAME, SHORTNAMES where there are any, APIVERSION, NAMESPACED, KIND. */
function kindsIn(output: string): { resource: string; key: string }[] {
  return output.split('\n').flatMap((line) => {
    const [, name, apiVersion = '', kind = ''] =
      /^(\S+)\s+(?:\S+\s+)?(\S+)\s+(?:true|false)\s+(\S+)/.exec(line) ?? [];
    const group = groupOf(apiVersion);
    const resource = group === '' ? name : `${name}.${group}`;
    return name === undefined || resource === undefined || ofKubernetesAlone.has(resource)
      ? []
      : [{ resource, key: kindKey(group, kind) }];
  });
}

function liveObject(line: string): LiveObject | undefined {
  const cells = line.split('\t');
  if (cells.length !== columns.length) {
    return undefined;
  }
  const [apiVersion = '', kind = '', namespace = '', name = '', uid = '', created = '', claim = ''] = cells;
  const [managers = '', owners = '', labels = '', role = '', subjects = ''] = cells.slice(7);
  const map: unknown = labels === '' ? {} : JSON.parse(labels);
  return {
    group: groupOf(apiVersion),
    id: { kind, namespace, name },
    uid,
    owners: ownersIn(owners === '' ? [] : JSON.parse(owners)),
    labels: isMap(map) ? map : {},
    managers: [...new Set(managers.split(' ').filter((manager) => manager !== ''))],
    created,
    claim,
    role,
    subjects: subjectsIn(subjects === '' ? [] : JSON.parse(subjects)),
  };
}

function subjectsIn(subjects: unknown): Subject[] {
  return maps(subjects).map(({ kind, namespace, name }) => ({
    kind: text(kind),
    namespace: text(namespace),
    name: text(name),
  }));
}

/** Reads `metadata.ownerReferences`. */
export function ownersIn(references: unknown): Owner[] {
  return maps(references).map((owner) => ({
    group: groupOf(text(owner.apiVersion)),
    kind: text(owner.kind),
    name: text(owner.name),
    uid: text(owner.uid),
    controller: owner.controller === true,
  }));
}

/** What kubectl complains of, without its log. What is wrong with metrics says nothing of objects: they are none. */
function complaints({ message }: KubectlError): string[] {
  return message
    .slice(message.indexOf(': ') + 2)
    .split('\n')
    .filter((line) => !/^([EIW]\d{4} |Warning: )/.test(line))
    .flatMap((line) => line.replace(/^.*complete list of server APIs: /, '').split(/, (?=\S+\/v\d)/))
    .map((line) => line.replace(/^error: /i, '').trim())
    .filter((line) => line !== '' && !/^\S*\bmetrics\.k8s\.io\/v/.test(line));
}

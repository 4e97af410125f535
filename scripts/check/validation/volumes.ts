import { Quantity } from '../admission/quantity.ts';
import { type Field, unique } from './field.ts';
import { dnsLabel, qualifiedName, volumePath } from './syntax.ts';

/** Volume sources whose fields are judged here, and those of which only the number is. */
const sources = [
  ...['emptyDir', 'hostPath', 'gitRepo', 'gcePersistentDisk', 'awsElasticBlockStore', 'secret', 'nfs'],
  ...['iscsi', 'glusterfs', 'persistentVolumeClaim', 'rbd', 'cinder', 'cephfs', 'flocker', 'downwardAPI'],
  ...['fc', 'flexVolume', 'configMap', 'azureFile', 'vsphereVolume', 'quobyte', 'azureDisk'],
  ...[
    'photonPersistentDisk',
    'projected',
    'portworxVolume',
    'scaleIO',
    'storageos',
    'csi',
    'ephemeral',
    'image',
  ],
];

/** A pod's volumes. @param pod its spec */
export function validateVolumes(pod: Field): void {
  const volumes = pod.at('volumes').items();
  for (const volume of volumes) {
    volume.at('name').needs(dnsLabel);
    const given = sources.filter((source) => volume.at(source).isSet);
    if (given.length > 1) {
      for (const source of given.slice(1)) {
        volume.at(source).fault('may not be there beside another source');
      }
    } else {
      validateSource(volume);
    }
  }
  unique(volumes.map((volume) => volume.at('name')));
}

function validateSource(volume: Field): void {
  const { emptyDir, hostPath, secret, configMap, persistentVolumeClaim, nfs, csi, projected, downwardAPI } =
    Object.fromEntries(sources.map((source) => [source, volume.at(source)]));
  const limit = emptyDir?.at('sizeLimit');
  if ((limit?.quantity?.nanos ?? 0n) < 0n) {
    limit?.fault('must be at least 0');
  }
  if (hostPath?.isSet) {
    const path = hostPath.at('path');
    path.require();
    if (path.text.split('/').includes('..')) {
      path.fault('may not have ".." in it');
    }
    hostPath
      .at('type')
      .oneOf([
        'DirectoryOrCreate',
        'Directory',
        'FileOrCreate',
        'File',
        'Socket',
        'CharDevice',
        'BlockDevice',
      ]);
  }
  for (const [source, name] of [
    [secret, 'secretName'],
    [configMap, 'name'],
  ] as const) {
    if (source?.isSet) {
      source.at(name).require();
      validateMode(source.at('defaultMode'));
      validateItems(source);
    }
  }
  if (persistentVolumeClaim?.isSet) {
    persistentVolumeClaim.at('claimName').require();
  }
  if (nfs?.isSet) {
    nfs.at('server').require();
    nfs.at('path').require();
    if (!nfs.at('path').isEmpty && !nfs.at('path').text.startsWith('/')) {
      nfs.at('path').fault('must be absolute');
    }
  }
  if (csi?.isSet) {
    csi.at('driver').require();
  }
  if (downwardAPI?.isSet) {
    validateMode(downwardAPI.at('defaultMode'));
    validateFiles(downwardAPI);
  }
  if (projected?.isSet) {
    validateMode(projected.at('defaultMode'));
    validateProjected(projected);
  }
}

function validateMode(mode: Field): void {
  mode.within(0, 0o777);
}

function validateItems(source: Field): void {
  for (const item of source.at('items').items()) {
    item.at('key').require();
    item.at('path').needs(volumePath);
    validateMode(item.at('mode'));
  }
}

/** kube-apiserver names the volume where a file of it is at fault. */
function validateFiles(source: Field): void {
  for (const item of source.at('items').items()) {
    item.at('path').as(`${source.name}.path`).needs(volumePath);
    const given = ['fieldRef', 'resourceFieldRef'].filter((key) => item.at(key).isSet);
    if (given.length !== 1) {
      item.as(source.name).fault('needs either fieldRef or resourceFieldRef for each file');
    }
    validateMode(item.at('mode').as(`${source.name}.mode`));
    validateFieldReference(item.at('fieldRef').as(`${source.name}.fieldRef`), 'volume');
    if (given[0] === 'resourceFieldRef') {
      validateResourceReference(item.at('resourceFieldRef').as(`${source.name}.resourceFieldRef`), true);
    }
  }
}

function validateProjected(projected: Field): void {
  const kinds = [
    'secret',
    'configMap',
    'downwardAPI',
    'serviceAccountToken',
    'clusterTrustBundle',
    'podCertificate',
  ];
  const paths: Field[] = [];
  for (const source of projected.at('sources').items()) {
    const given = kinds.filter((kind) => source.at(kind).isSet);
    if (given.length > 1) {
      source.fault('may have one source');
    }
    for (const kind of ['secret', 'configMap']) {
      if (source.at(kind).isSet) {
        source.at(kind, 'name').require();
        validateItems(source.at(kind));
      }
    }
    if (source.at('downwardAPI').isSet) {
      validateFiles(source.at('downwardAPI'));
    }
    const token = source.at('serviceAccountToken');
    if (token.isSet) {
      token.at('expirationSeconds').within(600, 2 ** 32);
      token.at('path').as(`${projected.name}.path`).needs(volumePath);
      paths.push(token.at('path'));
    }
    for (const kind of ['secret', 'configMap', 'downwardAPI']) {
      paths.push(
        ...source
          .at(kind, 'items')
          .items()
          .map((item) => item.at('path')),
      );
    }
  }
  unique(paths.map((path) => path.as(projected.name)));
}

const ofPods = ['metadata.name', 'metadata.namespace', 'metadata.uid'];
const fieldPaths = {
  env: [
    ...[...ofPods, 'spec.nodeName', 'spec.serviceAccountName'],
    ...['status.hostIP', 'status.hostIPs', 'status.podIP', 'status.podIPs'],
  ],
  volume: [...ofPods, 'metadata.labels', 'metadata.annotations'],
};

/** A field of the pod that a variable or a file tells. */
export function validateFieldReference(reference: Field, use: keyof typeof fieldPaths): void {
  if (!reference.isSet) {
    return;
  }
  const path = reference.at('fieldPath');
  if (reference.at('apiVersion').text !== 'v1' && !reference.at('apiVersion').isEmpty) {
    path.fault('is asked for in an apiVersion other than v1');
    return;
  }
  if (!path.require()) {
    return;
  }
  const [, list = '', key] = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/.exec(path.text) ?? [];
  if (key !== undefined) {
    const wrong = qualifiedName(list.endsWith('annotations') ? key.toLowerCase() : key);
    if (wrong !== undefined) {
      reference.fault(`key "${key}" ${wrong}`);
    }
  } else if (!path.text.includes('[') && !fieldPaths[use].includes(path.text)) {
    path.fault(`is "${path.text}", and must be one of ${fieldPaths[use].join(', ')}`);
  }
}

const bytes = [
  '1',
  ...['k', 'M', 'G', 'T', 'P', 'E'].flatMap((unit) => [`1${unit}`, `1${unit}i`.replace('ki', 'Ki')]),
];

/** An amount of a container that a variable or a file tells. @param named whether it has to name the container */
export function validateResourceReference(reference: Field, named: boolean): void {
  if (!reference.isSet) {
    return;
  }
  const resource = reference.at('resource');
  const known = ['limits', 'requests'].flatMap((amount) =>
    ['cpu', 'memory', 'ephemeral-storage'].map((name) => `${amount}.${name}`),
  );
  if (named && reference.at('containerName').isEmpty) {
    reference.at('containerName').fault('is needed');
  } else if (
    resource.require() &&
    !known.includes(resource.text) &&
    !/^(limits|requests)\.hugepages-/.test(resource.text)
  ) {
    resource.fault(`is "${resource.text}", and must be one of ${known.join(', ')}`);
  }
  const divisor = reference.at('divisor');
  const canonical = divisor.isSet ? Quantity.canonical(String(divisor.value)) : '0';
  const allowed = resource.text.endsWith('.cpu') ? ['1m', '1'] : bytes;
  if (
    canonical !== undefined &&
    canonical !== '0' &&
    known.includes(resource.text) &&
    !allowed.includes(canonical)
  ) {
    divisor.fault(`is ${divisor.value}, and must be one of ${allowed.join(', ')}`);
  }
}

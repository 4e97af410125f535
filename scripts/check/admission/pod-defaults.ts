import { isMap, type JsonMap, maps, text } from '../model.ts';
import { child, quantities, quantity, setDefaults } from './defaulting.ts';

/** The defaults of the pod in a workload's template. */
export function templateDefaults(spec: JsonMap): void {
  const pod = child(spec, 'template');
  if (isMap(pod.spec)) {
    podDefaults(pod.spec);
  }
}

/** The defaults of a pod's spec. */
export function podDefaults(spec: JsonMap): void {
  setDefaults(spec, {
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    terminationGracePeriodSeconds: 30,
    securityContext: {},
    serviceAccountName: spec.serviceAccount,
  });
  if (spec.serviceAccountName !== undefined) {
    // The old name of the same field.
    spec.serviceAccount = spec.serviceAccountName;
  }
  for (const container of [...maps(spec.containers), ...maps(spec.initContainers)]) {
    containerDefaults(container);
  }
  for (const volume of maps(spec.volumes)) {
    volumeDefaults(volume);
  }
}

function containerDefaults(container: JsonMap): void {
  const image = text(container.image);
  setDefaults(container, {
    imagePullPolicy: tagOf(image) === 'latest' ? 'Always' : 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    resources: {},
  });
  quantities(container.resources);
  for (const port of maps(container.ports)) {
    setDefaults(port, { protocol: 'TCP' });
  }
  for (const { valueFrom } of maps(container.env)) {
    if (isMap(valueFrom) && isMap(valueFrom.fieldRef)) {
      setDefaults(valueFrom.fieldRef, { apiVersion: 'v1' });
    }
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = container[name];
    if (isMap(probe)) {
      for (const [key, value] of Object.entries(probeDefaults)) {
        // These are plain numbers in Go, where 0 is as good as absent.
        probe[key] ||= value;
      }
      handlerDefaults(probe);
    }
  }
  const { lifecycle } = container;
  if (isMap(lifecycle)) {
    for (const hook of [lifecycle.preStop, lifecycle.postStart]) {
      if (isMap(hook)) {
        handlerDefaults(hook);
      }
    }
  }
}

const probeDefaults = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };

function handlerDefaults({ httpGet, grpc }: JsonMap): void {
  if (isMap(httpGet)) {
    setDefaults(httpGet, { path: '/', scheme: 'HTTP' });
  }
  if (isMap(grpc)) {
    setDefaults(grpc, { service: '' });
  }
}

function volumeDefaults(volume: JsonMap): void {
  const { secret, configMap, projected, downwardAPI, hostPath, emptyDir } = volume;
  for (const source of [secret, configMap, projected, downwardAPI]) {
    if (isMap(source)) {
      setDefaults(source, { defaultMode: 0o644 });
    }
  }
  if (isMap(hostPath)) {
    setDefaults(hostPath, { type: '' });
  }
  if (isMap(emptyDir) && typeof emptyDir.sizeLimit === 'number') {
    emptyDir.sizeLimit = quantity(emptyDir.sizeLimit);
  }
  if (Object.keys(volume).length === 1) {
    volume.emptyDir = {};
  }
  for (const source of isMap(projected) ? maps(projected.sources) : []) {
    if (isMap(source.serviceAccountToken)) {
      setDefaults(source.serviceAccountToken, { expirationSeconds: 3600 });
    }
  }
}

/** The tag of an image reference, `latest` where it names neither tag nor digest. */
function tagOf(image: string): string {
  if (image.includes('@') || !isReference(image)) {
    return '';
  }
  const name = image.slice(image.lastIndexOf('/') + 1);
  return name.includes(':') ? name.slice(name.indexOf(':') + 1) : 'latest';
}

/** What is no image reference has no tag to Kubernetes: https://github.com/distribution/reference has the grammar. */
function isReference(image: string): boolean {
  const name = image.replace(/:[\w.-]*$/, '');
  const [first = '', ...more] = name.split('/');
  const isHost = more.length > 0 && /[.:]|^localhost$/.test(first);
  const path = isHost ? more : more.length > 0 ? [first, ...more] : ['library', first];
  return (
    !/^[a-f0-9]{64}$/.test(image) &&
    (!isHost || /^(?:[A-Za-z0-9](?:[-.A-Za-z0-9]*[A-Za-z0-9])?|\[[a-fA-F0-9:]+\])(?::\d+)?$/.test(first)) &&
    path.join('/').length <= 255 &&
    path.every((step) => /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/.test(step))
  );
}

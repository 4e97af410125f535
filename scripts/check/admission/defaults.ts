import { isMap, type Json, type JsonMap, maps, text } from '../model.ts';
import { Quantity } from './quantity.ts';

/**
 * The object as admission sees it: with the API's defaults, numbers of quantities as text, and without the nulls that
 * decoding drops. Written from `SetDefaults_*` in k8s.io/kubernetes/pkg/apis/<group>/v1/defaults.go and `+default` in
 * k8s.io/api; the differential test compares the result with what kube-apiserver answers. Made once for a value.
 */
export function asAdmitted(value: JsonMap): JsonMap {
  const object = admitted.get(value) ?? withDefaults(value);
  admitted.set(value, object);
  return object;
}

const admitted = new WeakMap<JsonMap, JsonMap>();

function withDefaults(value: JsonMap): JsonMap {
  const object = withoutNulls(value);
  const kind = `${text(object.apiVersion)} ${text(object.kind)}`;
  if (kind === 'v1 Namespace') {
    const metadata = child(object, 'metadata');
    child(metadata, 'labels')['kubernetes.io/metadata.name'] = metadata.name ?? '';
  } else if (kind === 'v1 Secret') {
    setDefaults(object, { type: 'Opaque' });
  } else if (kind.startsWith('rbac.authorization.k8s.io/v1 ')) {
    if (text(object.kind).endsWith('Role')) {
      // The one list here that Go writes as null when it is empty.
      setDefaults(object, { rules: null });
    }
    for (const subject of maps(object.subjects)) {
      setDefaults(subject, {
        apiGroup: subject.kind === 'ServiceAccount' ? undefined : 'rbac.authorization.k8s.io',
      });
    }
  }
  defaultsOf[kind]?.(child(object, 'spec'));
  return object;
}

/** What each kind's spec is given; Go writes one that is absent as an empty one. */
const defaultsOf: Record<string, (spec: JsonMap) => void> = {
  'v1 Pod': (spec) => {
    podDefaults(spec);
    setDefaults(spec, { enableServiceLinks: true });
    // Only in a pod itself: a template keeps requests and host ports open.
    for (const container of [...maps(spec.containers), ...maps(spec.initContainers)]) {
      for (const port of spec.hostNetwork === true ? maps(container.ports) : []) {
        setDefaults(port, { hostPort: port.containerPort });
      }
      const { limits } = isMap(container.resources) ? container.resources : {};
      if (isMap(limits)) {
        setDefaults(child(child(container, 'resources'), 'requests'), limits);
      }
    }
  },
  'v1 PersistentVolumeClaim': (spec) => {
    setDefaults(spec, { volumeMode: 'Filesystem' });
    quantities(spec.resources);
  },
  'v1 Service': serviceDefaults,
  'apps/v1 Deployment': (spec) => {
    setDefaults(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
    const strategy = child(spec, 'strategy');
    setDefaults(strategy, { type: 'RollingUpdate' });
    if (strategy.type === 'RollingUpdate') {
      setDefaults(child(strategy, 'rollingUpdate'), { maxUnavailable: '25%', maxSurge: '25%' });
    }
    template(spec);
  },
  'apps/v1 StatefulSet': (spec) => {
    setDefaults(spec, { replicas: 1, revisionHistoryLimit: 10, podManagementPolicy: 'OrderedReady' });
    const strategy = child(spec, 'updateStrategy');
    setDefaults(strategy, { type: 'RollingUpdate' });
    if (strategy.type === 'RollingUpdate') {
      setDefaults(child(strategy, 'rollingUpdate'), { partition: 0 });
    }
    setDefaults(child(spec, 'persistentVolumeClaimRetentionPolicy'), {
      whenDeleted: 'Retain',
      whenScaled: 'Retain',
    });
    for (const claim of maps(spec.volumeClaimTemplates)) {
      setDefaults(claim, { apiVersion: 'v1', kind: 'PersistentVolumeClaim' });
      setDefaults(child(claim, 'status'), { phase: 'Pending' });
      defaultsOf['v1 PersistentVolumeClaim']?.(child(claim, 'spec'));
    }
    template(spec);
  },
  'apps/v1 DaemonSet': (spec) => {
    setDefaults(spec, { revisionHistoryLimit: 10 });
    const strategy = child(spec, 'updateStrategy');
    setDefaults(strategy, { type: 'RollingUpdate' });
    if (strategy.type === 'RollingUpdate') {
      setDefaults(child(strategy, 'rollingUpdate'), { maxUnavailable: 1, maxSurge: 0 });
    }
    template(spec);
  },
  'batch/v1 Job': jobDefaults,
  'batch/v1 CronJob': (spec) => {
    setDefaults(spec, {
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    });
    const job = child(spec, 'jobTemplate');
    if (isMap(job.spec)) {
      template(job.spec);
    }
  },
  'autoscaling/v2 HorizontalPodAutoscaler': (spec) => {
    const cpu = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } };
    setDefaults(spec, { minReplicas: 1, metrics: [{ type: 'Resource', resource: cpu }] });
  },
  'policy/v1 PodDisruptionBudget': () => {},
  'networking.k8s.io/v1 NetworkPolicy': (spec) => {
    setDefaults(spec, { policyTypes: spec.egress === undefined ? ['Ingress'] : ['Ingress', 'Egress'] });
    for (const rule of [...maps(spec.ingress), ...maps(spec.egress)]) {
      for (const port of maps(rule.ports)) {
        setDefaults(port, { protocol: 'TCP' });
      }
    }
  },
};

function jobDefaults(spec: JsonMap): void {
  if (spec.completions === undefined && spec.parallelism === undefined) {
    spec.completions = 1;
  }
  setDefaults(spec, {
    parallelism: 1,
    backoffLimit: spec.backoffLimitPerIndex === undefined ? 6 : 2147483647,
    completionMode: 'NonIndexed',
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed',
  });
  template(spec);
}

function serviceDefaults(spec: JsonMap): void {
  setDefaults(spec, { type: 'ClusterIP', sessionAffinity: 'None' });
  if (spec.type !== 'ExternalName') {
    setDefaults(spec, { internalTrafficPolicy: 'Cluster' });
  }
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') {
    setDefaults(spec, { externalTrafficPolicy: 'Cluster' });
  }
  if (spec.type === 'LoadBalancer') {
    setDefaults(spec, { allocateLoadBalancerNodePorts: true });
  }
  for (const port of maps(spec.ports)) {
    setDefaults(port, { protocol: 'TCP', targetPort: port.port });
  }
}

function template(spec: JsonMap): void {
  const pod = child(spec, 'template');
  if (isMap(pod.spec)) {
    podDefaults(pod.spec);
  }
}

function podDefaults(spec: JsonMap): void {
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
  if (image.includes('@')) {
    return '';
  }
  const name = image.slice(image.lastIndexOf('/') + 1);
  return name.includes(':') ? name.slice(name.indexOf(':') + 1) : 'latest';
}

function quantities(resources: Json | undefined): void {
  for (const amounts of isMap(resources) ? [resources.requests, resources.limits] : []) {
    for (const [name, amount] of Object.entries(isMap(amounts) ? amounts : {})) {
      if (isMap(amounts)) {
        amounts[name] = quantity(amount);
      }
    }
  }
}

/** A quantity in the form that Kubernetes writes back: CEL policies compare it as text or through quantity(). */
function quantity(amount: Json): Json {
  return Quantity.canonical(String(amount)) ?? amount;
}

function child(map: JsonMap, key: string): JsonMap {
  const value = map[key];
  if (isMap(value)) {
    return value;
  }
  const empty: JsonMap = {};
  map[key] = empty;
  return empty;
}

/** An empty string is as good as absent where Go has a plain string. */
function setDefaults(map: JsonMap, defaults: Record<string, Json | undefined>): void {
  for (const [key, value] of Object.entries(defaults)) {
    const current = map[key];
    if ((current === undefined || (current === '' && typeof value === 'string')) && value !== undefined) {
      map[key] = value;
    }
  }
}

/** What Go reads null as where a map's values are not pointers; a field of its own it reads as absent. */
const nullIn: Record<string, string> = {
  annotations: '',
  data: '',
  labels: '',
  limits: '0',
  matchLabels: '',
  nodeSelector: '',
  requests: '0',
};

function withoutNulls(value: JsonMap, within = ''): JsonMap {
  const none = nullIn[within];
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, field]): [string, Json][] => {
      if (field === null) {
        return none === undefined ? [] : [[key, none]];
      }
      return [[key, copied(field, key)]];
    }),
  );
}

function copied(value: Json, within: string): Json {
  if (Array.isArray(value)) {
    return value.map((item) => copied(item, ''));
  }
  return isMap(value) ? withoutNulls(value, within) : value;
}

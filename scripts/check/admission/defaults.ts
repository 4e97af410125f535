import { isMap, type Json, type JsonMap, maps, text } from '../model.ts';
import { child, quantities, quantity, setAbsent, setDefaults } from './defaulting.ts';
import { podDefaults, templateDefaults as template } from './pod-defaults.ts';

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
    setAbsent(spec, { volumeMode: 'Filesystem' });
    quantities(spec.resources);
  },
  'v1 Service': serviceDefaults,
  'apps/v1 Deployment': (spec) => {
    setDefaults(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
    const strategy = child(spec, 'strategy');
    setDefaults(strategy, { type: 'RollingUpdate' });
    if (strategy.type === 'RollingUpdate') {
      setAbsent(child(strategy, 'rollingUpdate'), { maxUnavailable: '25%', maxSurge: '25%' });
    }
    template(spec);
  },
  'apps/v1 ReplicaSet': (spec) => {
    setDefaults(spec, { replicas: 1 });
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
    setDefaults(spec, { minReplicas: 1 });
    if (maps(spec.metrics).length === 0) {
      spec.metrics = [{ type: 'Resource', resource: cpu }];
    }
    for (const target of maps(spec.metrics).flatMap((metric) => Object.values(metric).filter(isMap))) {
      amountsOf(target);
    }
    if (isMap(spec.behavior)) {
      const [pods, percent] = [
        { type: 'Pods', value: 4, periodSeconds: 15 },
        { type: 'Percent', value: 100, periodSeconds: 15 },
      ];
      const up = { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [pods, percent] };
      setAbsent(child(spec.behavior, 'scaleUp'), up);
      setAbsent(child(spec.behavior, 'scaleDown'), { selectPolicy: 'Max', policies: [percent] });
    }
  },
  'policy/v1 PodDisruptionBudget': () => {},
  'networking.k8s.io/v1 NetworkPolicy': (spec) => {
    if (!Array.isArray(spec.policyTypes) || spec.policyTypes.length === 0) {
      const isEmpty = !Array.isArray(spec.egress) || spec.egress.length === 0;
      spec.policyTypes = isEmpty ? ['Ingress'] : ['Ingress', 'Egress'];
    }
    for (const rule of [...maps(spec.ingress), ...maps(spec.egress)]) {
      for (const port of maps(rule.ports)) {
        setAbsent(port, { protocol: 'TCP' });
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
    suspend: false,
    manualSelector: false,
  });
  setAbsent(spec, {
    completionMode: 'NonIndexed',
    podReplacementPolicy: spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed',
  });
  template(spec);
}

/** The amounts of a metric's target. */
function amountsOf(source: JsonMap): void {
  for (const key of ['value', 'averageValue']) {
    if (isMap(source.target) && source.target[key] !== undefined) {
      source.target[key] = quantity(source.target[key]);
    }
  }
}

function serviceDefaults(spec: JsonMap): void {
  setDefaults(spec, { type: 'ClusterIP', sessionAffinity: 'None' });
  if (spec.sessionAffinity === 'None') {
    delete spec.sessionAffinityConfig;
  } else if (spec.sessionAffinity === 'ClientIP') {
    const { clientIP } = child(spec, 'sessionAffinityConfig');
    if (!isMap(clientIP) || clientIP.timeoutSeconds === undefined) {
      spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10_800 } };
    }
  }
  if (spec.type !== 'ExternalName') {
    setAbsent(spec, { internalTrafficPolicy: 'Cluster' });
  }
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') {
    setDefaults(spec, { externalTrafficPolicy: 'Cluster' });
  }
  if (spec.type === 'LoadBalancer') {
    setDefaults(spec, { allocateLoadBalancerNodePorts: true });
  }
  for (const port of maps(spec.ports)) {
    setDefaults(port, { protocol: 'TCP' });
    // 0 and '' are as good as absent.
    port.targetPort ||= port.port ?? 0;
  }
}

/** What Go reads null as where a map's values are not pointers; a field of its own it reads as absent. */
const nullIn: Record<string, string> = {
  annotations: '',
  binaryData: '',
  data: '',
  labels: '',
  limits: '0',
  matchLabels: '',
  nodeSelector: '',
  requests: '0',
  selector: '',
  stringData: '',
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
    // Lists of maps have no nulls: their schema says so.
    return value.map((item) => (item === null ? '' : copied(item, '')));
  }
  return isMap(value) ? withoutNulls(value, within) : value;
}

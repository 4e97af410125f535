import type { JsonMap } from '../../check/model.ts';
import type { Random } from './random.ts';

/** A namespace holds that many applications. */
const applicationsPerNamespace = 40;

/**
 * So many objects of a cluster's applications, none of which breaks a rule: web applications with a Service, workers,
 * databases and nightly reports, each with what belongs to it. Names are unique; the same random numbers give the
 * same objects. Ten hold at least a Deployment and a Service.
 */
export function cleanObjects(count: number, random: Random): JsonMap[] {
  const objects: JsonMap[] = [];
  for (let application = 0; objects.length < count; application += 1) {
    const namespace = `team-${Math.floor(application / applicationsPerNamespace)}`;
    if (application % applicationsPerNamespace === 0) {
      objects.push(...namespaceObjects(namespace));
    }
    const kind = application === 0 ? 0 : random();
    const make = kind < 0.6 ? web : kind < 0.8 ? worker : kind < 0.9 ? store : report;
    objects.push(...make({ name: `app-${application}`, namespace, random }));
  }
  return objects.slice(0, count);
}

type Application = { name: string; namespace: string; random: Random };

function namespaceObjects(name: string): JsonMap[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name,
        labels: { 'app.kubernetes.io/part-of': 'quotes', 'pod-security.kubernetes.io/enforce': 'restricted' },
      },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: `${name}-default-deny`, namespace: name },
      spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
    },
  ];
}

function web(application: Application): JsonMap[] {
  const { random } = application;
  const replicas = 2 + Math.floor(random() * 3);
  return [
    serviceAccount(application),
    configMap(application),
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: labelled(application),
      spec: {
        replicas,
        strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        selector: { matchLabels: selector(application) },
        template: {
          metadata: { labels: labels(application) },
          spec: {
            ...pod(application, probed(random() < 0.3 ? ['web', 'proxy'] : ['web'], application)),
            topologySpreadConstraints: [
              {
                maxSkew: 1,
                topologyKey: 'kubernetes.io/hostname',
                whenUnsatisfiable: 'ScheduleAnyway',
                labelSelector: { matchLabels: selector(application) },
              },
            ],
          },
        },
      },
    },
    service(application, {}),
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: labelled(application),
      spec: { maxUnavailable: 1, selector: { matchLabels: selector(application) } },
    },
  ];
}

function worker(application: Application): JsonMap[] {
  return [
    serviceAccount(application),
    configMap(application),
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: labelled(application),
      spec: {
        replicas: 1,
        selector: { matchLabels: selector(application) },
        template: {
          metadata: { labels: labels(application) },
          spec: pod(application, probed(['worker'], application)),
        },
      },
    },
  ];
}

function store(application: Application): JsonMap[] {
  return [
    serviceAccount(application),
    configMap(application),
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: labelled(application),
      spec: {
        replicas: 1,
        serviceName: application.name,
        selector: { matchLabels: selector(application) },
        template: {
          metadata: { labels: labels(application) },
          spec: pod(application, probed(['store'], application)),
        },
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } },
          },
        ],
      },
    },
    service(application, { clusterIP: 'None' }),
  ];
}

function report(application: Application): JsonMap[] {
  return [
    serviceAccount(application),
    configMap(application),
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: labelled(application),
      spec: {
        schedule: '0 3 * * *',
        jobTemplate: {
          spec: {
            activeDeadlineSeconds: 600,
            template: {
              metadata: { labels: labels(application) },
              spec: { ...pod(application, [container('report', application)]), restartPolicy: 'Never' },
            },
          },
        },
      },
    },
  ];
}

function serviceAccount(application: Application): JsonMap {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: labelled(application),
    automountServiceAccountToken: false,
  };
}

function configMap(application: Application): JsonMap {
  const settings = 3 + Math.floor(application.random() * 15);
  const data = Array.from({ length: settings }, (_, index) => [
    `setting-${index}`,
    `value ${index} of ${application.name}`,
  ]);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: labelled(application),
    data: Object.fromEntries(data),
  };
}

function service(application: Application, spec: JsonMap): JsonMap {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: labelled(application),
    spec: {
      ...spec,
      selector: selector(application),
      ports: [{ name: 'http', port: 80, targetPort: 'http' }],
    },
  };
}

function pod({ name }: Application, containers: JsonMap[]): JsonMap {
  return {
    serviceAccountName: name,
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
    containers,
    volumes: [{ name: 'tmp', emptyDir: {} }],
  };
}

/** Containers of a workload that runs on: with probes, and a moment to be forgotten by the proxies before they end. */
function probed(names: string[], application: Application): JsonMap[] {
  return names.map((name, index) => {
    const port = index === 0 ? 'http' : `http-${index}`;
    return {
      ...container(name, application),
      ports: [{ name: port, containerPort: 8080 + index }],
      startupProbe: { httpGet: { path: '/livez', port } },
      livenessProbe: { httpGet: { path: '/livez', port } },
      readinessProbe: { httpGet: { path: '/readyz', port } },
      lifecycle: { preStop: { sleep: { seconds: 5 } } },
    };
  });
}

function container(name: string, application: Application): JsonMap {
  const variables = 2 + Math.floor(application.random() * 8);
  return {
    name,
    image: `registry.example/own/${name}:1.${Math.floor(application.random() * 100)}.0`,
    env: Array.from({ length: variables }, (_, index) => ({
      name: `SETTING_${index}`,
      valueFrom: { configMapKeyRef: { name: application.name, key: `setting-${index % 3}` } },
    })),
    resources: {
      requests: { cpu: '50m', memory: '64Mi', 'ephemeral-storage': '16Mi' },
      limits: { memory: '128Mi', 'ephemeral-storage': '64Mi' },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
  };
}

function labelled(application: Application): JsonMap {
  const { name, namespace } = application;
  return { name, namespace, labels: labels(application) };
}

function labels({ name }: Application): JsonMap {
  return { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'quotes' };
}

function selector({ name }: Application): JsonMap {
  return { 'app.kubernetes.io/name': name };
}

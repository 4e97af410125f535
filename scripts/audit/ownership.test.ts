import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outsideName } from '../check/graph/outside.ts';
import type { JsonMap } from '../check/model.ts';
import { type Kubectl, KubectlError } from '../gitops/kubectl.ts';
import { kindKey, type LiveObject, readLive } from './live-objects.ts';
import { claimedBy, topmostOwner, unowned } from './ownership.ts';

/** An object by KIND.GROUP/NAMESPACE/NAME, as a person made it. */
function object(what: string, more: Partial<LiveObject> = {}): LiveObject {
  const [kinds = '', namespace = '', name = ''] = what.split('/');
  const [kind = '', ...group] = kinds.split('.');
  return {
    group: group.join('.'),
    id: { kind, namespace, name },
    uid: what,
    owners: [],
    labels: {},
    managers: ['kubectl-create'],
    created: '2026-11-25T10:00:00Z',
    claim: '',
    role: '',
    subjects: [],
    ...more,
  };
}

function by(owner: LiveObject): Partial<LiveObject> {
  const { group, id, uid } = owner;
  return { owners: [{ group, kind: id.kind, name: id.name, uid, controller: true }] };
}

const application: JsonMap = {
  status: {
    resources: [
      { group: 'apps', kind: 'Deployment', namespace: 'dev', name: 'quote-app', status: 'Synced' },
      { kind: 'Namespace', name: 'dev' },
      { group: 'batch', kind: 'Job', namespace: 'dev', name: 'migrate', hook: true },
    ],
  },
};
const claims = {
  byApplications: claimedBy([application]),
  outsideGit: new Set([outsideName('Secret', 'dev', 'postgres-credentials')]),
};

function told(objects: LiveObject[], unlisted: string[] = []): string[] {
  const kinds = objects.map(({ group, id }) => kindKey(group, id.kind));
  const owners = objects.flatMap(({ owners }) => owners.map(({ group, kind }) => kindKey(group, kind)));
  const listed = new Map(
    [...kinds, ...owners].filter((kind) => !unlisted.includes(kind)).map((kind) => [kind, kind]),
  );
  return unowned({ objects, listed, unread: [] }, claims).map(({ object, gone }) =>
    gone === undefined ? object.uid : `${object.uid} of ${gone.kind} ${gone.name}`,
  );
}

test('what an Application lists, npm start applied or Git declares to be outside it is owned, and nothing like it', () => {
  const owned = [
    object('Deployment.apps/dev/quote-app'),
    object('Namespace//dev'),
    object('Job.batch/dev/migrate'),
    object('Secret/dev/postgres-credentials'),
    object('ConfigMap/argocd/argocd-cm', { managers: ['argocd-server', 'quotes'] }),
  ];
  const strangers = [
    object('Deployment.apps/dev/quote-app-2'),
    object('Deployment.apps/staging/quote-app'),
    object('Deployment.example.org/dev/quote-app'),
    object('Secret/staging/postgres-credentials'),
    object('ConfigMap/argocd/mine', { managers: ['quotes-2'] }),
  ];
  assert.deepEqual(
    told([...owned, ...strangers]),
    strangers.map(({ uid }) => uid),
  );
});

test('what is made by what is there is owned; of what is gone it is told', () => {
  const deployment = object('Deployment.apps/dev/quote-app');
  const set = object('ReplicaSet.apps/dev/quote-app-7d', by(deployment));
  const pod = object('Pod/dev/quote-app-7d-x', by(set));
  const stranger = object('Deployment.apps/dev/memory-hog');
  const hog = object('ReplicaSet.apps/dev/memory-hog-1', by(stranger));
  assert.deepEqual(told([deployment, set, pod, stranger, hog]), ['Deployment.apps/dev/memory-hog']);
  const orphan = object('Pod/dev/left', by(object('Cluster.postgresql.cnpg.io/dev/postgres')));
  assert.deepEqual(told([orphan]), ['Pod/dev/left of Cluster postgres']);
  assert.deepEqual(told([orphan], ['postgresql.cnpg.io/Cluster']), [], 'a kind that could not be listed');
  assert.equal(topmostOwner(pod, new Map([deployment, set, pod].map((one) => [one.uid, one]))), deployment);
  const node = object('Node//n1');
  const mirror = object('Pod/dev/mirror', by(node));
  const circle = object('Pod/dev/circle', { owners: by(object('Pod/dev/circle')).owners ?? [] });
  const all = new Map([node, mirror, circle].map((one) => [one.uid, one]));
  assert.deepEqual([topmostOwner(mirror, all), topmostOwner(circle, all)], [mirror, circle]);
});

const binding = 'ClusterRoleBinding.rbac.authorization.k8s.io';

test("Kubernetes' own objects are told of none, and what only looks like them is", () => {
  const defaults = {
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
    managers: ['kube-apiserver'],
  };
  const gives = (role: string, kind: string, name: string, namespace = '') => ({
    role,
    subjects: [{ kind, namespace, name }],
  });
  const managed = { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' };
  const owned = [
    object('ConfigMap/dev/kube-root-ca.crt'),
    object('ServiceAccount/dev/default'),
    object('Service/default/kubernetes'),
    object('Namespace//default'),
    object('Namespace//kube-system'),
    object('ConfigMap/kube-system/anything'),
    object('Node//n1'),
    object('ClusterRole.rbac.authorization.k8s.io//view', defaults),
    object(`${binding}//system:basic-user`, {
      ...defaults,
      ...gives('system:basic-user', 'Group', 'system:authenticated'),
    }),
    object(`${binding}//system:controller:job-controller`, {
      ...defaults,
      ...gives('system:controller:job-controller', 'ServiceAccount', 'job-controller', 'kube-system'),
    }),
    object(`${binding}//cluster-admin`, {
      ...defaults,
      ...gives('cluster-admin', 'Group', 'system:masters'),
    }),
    object(`${binding}//kubeadm:cluster-admins`, gives('cluster-admin', 'Group', 'kubeadm:cluster-admins')),
    object(`${binding}//kubeadm:get-nodes`, gives('kubeadm:get-nodes', 'Group', 'system:bootstrappers')),
    object('PriorityClass.scheduling.k8s.io//system-node-critical'),
    object('APIService.apiregistration.k8s.io//v1.apps', {
      labels: managed,
      managers: ['kube-apiserver'],
    }),
    object('FlowSchema.flowcontrol.apiserver.k8s.io//probes', {
      managers: ['api-priority-and-fairness-config-producer-v1'],
    }),
    object('ServiceCIDR.networking.k8s.io//kubernetes'),
  ];
  const strangers = [
    object('Namespace//mine'),
    object('Service/dev/kubernetes'),
    object('ServiceAccount/dev/deployer'),
    object('ClusterRole.rbac.authorization.k8s.io//mine'),
    object('Namespace//kube-evil'),
    object('ConfigMap/kube-evil/mine'),
    object('ClusterRole.rbac.authorization.k8s.io//labelled', defaults),
    object('ClusterRole.rbac.authorization.k8s.io//system:mine', { labels: defaults.labels }),
    object('ClusterRole.rbac.authorization.k8s.io//edit', {
      ...defaults,
      managers: ['kube-apiserver', 'kubectl-edit'],
    }),
    object(`${binding}//kubeadm:evil`, gives('view', 'User', 'eve')),
    object(`${binding}//kubeadm:get-nodes`, gives('admin', 'User', 'eve')),
    object(`${binding}//labelled`, { ...defaults, ...gives('view', 'User', 'eve') }),
    object(`${binding}//system:basic-user-2`, {
      ...defaults,
      ...gives('system:basic-user', 'Group', 'system:authenticated'),
    }),
    object(`${binding}//system:discovery`, { ...defaults, ...gives('system:discovery', 'User', 'eve') }),
    object('PriorityClass.scheduling.k8s.io//system-of-mine'),
    object('FlowSchema.flowcontrol.apiserver.k8s.io//mine'),
    object('APIService.apiregistration.k8s.io//v1.mine'),
    object('APIService.apiregistration.k8s.io//v2.mine', { labels: managed }),
    object('FlowSchema.flowcontrol.apiserver.k8s.io//exempt', {
      managers: ['api-priority-and-fairness-config-producer-v1', 'kubectl-edit'],
    }),
  ];
  assert.deepEqual(
    told([...owned, ...strangers]),
    strangers.map(({ uid }) => uid),
  );
});

test('what gives cluster-admin is told of whatever it says of itself, unless Git or Kubernetes has it', () => {
  const gives = { role: 'cluster-admin', subjects: [{ kind: 'User', namespace: '', name: 'eve' }] };
  const node = object('Node//n1');
  const strangers = [
    object(`${binding}//kubeadm:cluster-admins`, gives),
    object(`${binding}//cluster-admin`, {
      ...gives,
      labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
      managers: ['kube-apiserver'],
    }),
    object(`${binding}//start`, { ...gives, managers: ['quotes'] }),
    object(`${binding}//owned`, { ...gives, ...by(node) }),
    object('RoleBinding.rbac.authorization.k8s.io/kube-system/evil', gives),
    object('RoleBinding.rbac.authorization.k8s.io/dev/cluster-admin', gives),
  ];
  assert.deepEqual(
    told([node, ...strangers]),
    strangers.map(({ uid }) => uid),
  );
  const resources = [{ group: 'rbac.authorization.k8s.io', kind: 'ClusterRoleBinding', name: 'start' }];
  const listed = { byApplications: claimedBy([{ status: { resources } }]), outsideGit: new Set<string>() };
  const start = object(`${binding}//start`, gives);
  const cluster = { objects: [start], listed: new Map<string, string>(), unread: [] };
  assert.deepEqual(unowned(cluster, listed), []);
});

test('what controllers make without an owner goes with what they made it for', () => {
  const volume = (claim: string) => object('PersistentVolume//pvc-1', { claim });
  const claim = object('PersistentVolumeClaim/dev/data-my-db-0');
  const set = object('StatefulSet.apps/dev/my-db', { managers: ['quotes'] });
  assert.deepEqual(told([set, claim, volume(claim.uid)]), []);
  assert.deepEqual(told([claim, volume('gone')]), [claim.uid, 'PersistentVolume//pvc-1']);
  const labels = { 'app.kubernetes.io/managed-by': 'cloudnative-pg' };
  const queries = object('ConfigMap/prod/cnpg-default-monitoring', { labels });
  const labelled = object('ConfigMap/prod/mine', { labels });
  const cluster = object('Cluster.postgresql.cnpg.io/prod/postgres', { managers: ['quotes'] });
  assert.deepEqual(told([queries, labelled, cluster]), [labelled.uid]);
  assert.deepEqual(told([queries]), [queries.uid]);
  const password = object('Secret/argocd/argocd-redis');
  const root = object('Application.argoproj.io/argocd/root', { managers: ['quotes'] });
  assert.deepEqual(told([password, root]), []);
  assert.deepEqual(told([password]), [password.uid]);
});

/** What kubectl 1.36 wrote, the columns in the order in which they are asked for. */
const kinds = `configmaps                          cm                 v1                                true         ConfigMap
leases                                                 coordination.k8s.io/v1            true         Lease
replicasets                         rs                 apps/v1                           true         ReplicaSet
clusters                                               postgresql.cnpg.io/v1             true         Cluster
`;
const lines = `v1\tConfigMap\targocd\targocd-cm\t3b45f77c\t2026-11-25T18:18:07Z\t\tquotes argocd-server\t\t{"app.kubernetes.io/name":"argocd-cm"}\t\t
apps/v1\tReplicaSet\tdev\tedge-5\t77c3b45f\t2026-11-25T18:18:27Z\t\tkube-controller-manager kube-controller-manager\t[{"apiVersion":"apps/v1","blockOwnerDeletion":true,"controller":true,"kind":"Deployment","name":"edge","uid":"5f77c3b4"}]\t{"pod-template-hash":"5"}\t\t
`;

function saying(answers: (args: string[]) => string): Kubectl {
  const run = async (args: string[]) => answers(args);
  return Object.assign(run, {
    json: async () => undefined,
    field: async () => '',
    apply: async () => '',
  });
}

test('objects are listed in one question, for what says whose they are and nothing else', async () => {
  const asked: string[][] = [];
  const { objects, listed, unread } = await readLive(
    saying((args) => {
      asked.push(args);
      return args[0] === 'api-resources' ? kinds : lines;
    }),
  );
  assert.deepEqual(asked[1]?.slice(0, 3), [
    'get',
    'configmaps,replicasets.apps,clusters.postgresql.cnpg.io',
    '--all-namespaces',
  ]);
  assert.doesNotMatch(asked.flat().join(' '), /\.data|annotations|last-applied/);
  assert.deepEqual(unread, []);
  assert.equal(listed.get('apps/ReplicaSet'), 'replicasets.apps');
  assert.deepEqual(objects, [
    {
      group: '',
      id: { kind: 'ConfigMap', namespace: 'argocd', name: 'argocd-cm' },
      uid: '3b45f77c',
      owners: [],
      labels: { 'app.kubernetes.io/name': 'argocd-cm' },
      managers: ['quotes', 'argocd-server'],
      created: '2026-11-25T18:18:07Z',
      claim: '',
      role: '',
      subjects: [],
    },
    {
      group: 'apps',
      id: { kind: 'ReplicaSet', namespace: 'dev', name: 'edge-5' },
      uid: '77c3b45f',
      owners: [{ group: 'apps', kind: 'Deployment', name: 'edge', uid: '5f77c3b4', controller: true }],
      labels: { 'pod-template-hash': '5' },
      managers: ['kube-controller-manager'],
      created: '2026-11-25T18:18:27Z',
      claim: '',
      role: '',
      subjects: [],
    },
  ]);
});

test('what may not be listed is told, the rest is read; metrics that are away are no matter', async () => {
  const partly = saying((args) => {
    const [said, output] =
      args[0] === 'api-resources'
        ? [
            'error: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1, example.org/v1: the server is currently unable to handle the request',
            kinds,
          ]
        : [
            'Warning: v1 Endpoints is deprecated\nE1125 10:00:00.1  1 memcache.go:287] ...\nError from server (Forbidden): secrets is forbidden',
            lines,
          ];
    throw new KubectlError(`kubectl ${args.slice(0, 3).join(' ')}: ${said}`, output);
  });
  const { objects, unread } = await readLive(partly);
  assert.equal(objects.length, 2);
  assert.deepEqual(unread, [
    'example.org/v1: the server is currently unable to handle the request',
    'Error from server (Forbidden): secrets is forbidden',
  ]);
  const down = saying(() => {
    throw new KubectlError('kubectl api-resources: Unable to connect to the server');
  });
  await assert.rejects(readLive(down), KubectlError);
});

test('ten thousand objects are read and told apart', async (t) => {
  const pods = Array.from({ length: 10_000 }, (_, at) => {
    const owner = at % 100 === 0 ? 'gone' : '77c3b45f';
    return `v1\tPod\tdev\tpod-${at}\tuid-${at}\t2026-11-25T18:18:27Z\t\tkubelet kube-controller-manager\t[{"apiVersion":"apps/v1","controller":true,"kind":"ReplicaSet","name":"edge-5","uid":"${owner}"}]\t{"app.kubernetes.io/name":"edge","pod-template-hash":"5"}\t\t\n`;
  });
  const before = performance.now();
  const live = await readLive(
    saying((args) => (args[0] === 'api-resources' ? kinds : lines + pods.join(''))),
  );
  const found = unowned(live, claims);
  t.diagnostic(`${live.objects.length} objects: ${(performance.now() - before).toFixed(0)} ms`);
  assert.equal(found.length, 100);
});

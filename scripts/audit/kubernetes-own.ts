import { kindKey, type LiveObject } from './live-objects.ts';

/** The namespaces that a kube-apiserver makes. */
const kubernetesNamespaces = new Set(['kube-system', 'kube-public', 'kube-node-lease']);

/** Whether a namespace is one of Kubernetes itself. */
export function isKubernetesNamespace(name: string): boolean {
  return kubernetesNamespaces.has(name);
}

/** Who writes what every kube-apiserver makes: it, and the controller that fills admin, edit and view. */
const rbacManagers = new Set(['kube-apiserver', 'clusterrole-aggregation-controller']);

const priorityManagers = new Set([
  'api-priority-and-fairness-config-producer-v1',
  'api-priority-and-fairness-config-consumer-v1',
]);

const signing = 'system:certificates.k8s.io:certificatesigningrequests';

/** The ClusterRoleBindings that kubeadm makes, each with its role; the one to cluster-admin is looked at closer. */
const kubeadmBindings = new Map([
  ['kubeadm:get-nodes', 'kubeadm:get-nodes'],
  ['kubeadm:kubelet-bootstrap', 'system:node-bootstrapper'],
  ['kubeadm:node-autoapprove-bootstrap', `${signing}:nodeclient`],
  ['kubeadm:node-autoapprove-certificate-rotation', `${signing}:selfnodeclient`],
  ['kubeadm:node-proxier', 'system:node-proxier'],
]);

/** What every cluster has without being told, and what kube-apiserver, kubelets and kubeadm keep. */
export function isKubernetesOwn(object: LiveObject): boolean {
  const { group, labels } = object;
  const { kind, namespace, name } = object.id;
  switch (kindKey(group, kind)) {
    case '/Namespace':
      return name === 'default' || isKubernetesNamespace(name);
    case '/Node':
      return true;
    case '/ConfigMap':
      return name === 'kube-root-ca.crt';
    case '/ServiceAccount':
      return name === 'default';
    case '/Service':
      return namespace === 'default' && name === 'kubernetes';
    case 'apiregistration.k8s.io/APIService':
      return (
        labels['kube-aggregator.kubernetes.io/automanaged'] !== undefined &&
        isWrittenBy(object, new Set(['kube-apiserver']))
      );
    case 'flowcontrol.apiserver.k8s.io/FlowSchema':
    case 'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration':
      return isWrittenBy(object, priorityManagers);
    case 'networking.k8s.io/ServiceCIDR':
      return name === 'kubernetes';
    case 'rbac.authorization.k8s.io/ClusterRole':
      return name === 'kubeadm:get-nodes' || isDefaultRole(object);
    case 'rbac.authorization.k8s.io/ClusterRoleBinding':
      return isKubernetesBinding(object);
    case 'scheduling.k8s.io/PriorityClass':
      return /^system-(cluster|node)-critical$/.test(name);
    default:
      return false;
  }
}

/** Whether all who wrote it are of those: one more, and somebody else had a hand in it. */
function isWrittenBy({ managers }: LiveObject, by: Set<string>): boolean {
  return managers.length > 0 && managers.every((manager) => by.has(manager));
}

function isDefaultRole(object: LiveObject): boolean {
  const { labels, id } = object;
  return (
    labels['kubernetes.io/bootstrapping'] === 'rbac-defaults' &&
    isWrittenBy(object, rbacManagers) &&
    (id.name.startsWith('system:') || ['admin', 'cluster-admin', 'edit', 'view'].includes(id.name))
  );
}

/** A kube-apiserver's bindings are called like their roles, and bind Kubernetes' own users alone. */
function isKubernetesBinding(object: LiveObject): boolean {
  const { id, role, subjects } = object;
  if (role === 'cluster-admin') {
    const group = id.name === 'cluster-admin' ? 'system:masters' : id.name;
    const isKnown = id.name === 'cluster-admin' || id.name === 'kubeadm:cluster-admins';
    return isKnown && subjects.every(({ kind, name }) => kind === 'Group' && name === group);
  }
  return (
    kubeadmBindings.get(id.name) === role ||
    (id.name === role &&
      isDefaultRole(object) &&
      subjects.every(({ kind, namespace, name }) =>
        kind === 'ServiceAccount' ? namespace === 'kube-system' : name.startsWith('system:'),
      ))
  );
}

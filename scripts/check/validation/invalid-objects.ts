import { asAdmitted } from '../admission/defaults.ts';
import type { RenderedObject, Violation } from '../model.ts';
import { validateRole, validateRoleBinding } from './access.ts';
import { type Fault, Field } from './field.ts';
import { validateIngress } from './ingress.ts';
import { validateCronJob, validateJob } from './jobs.ts';
import { validateMetadata, validateNamespace } from './metadata.ts';
import { validateNetworkPolicy, validateService } from './networking.ts';
import { validatePod } from './pods.ts';
import { validateAutoscaler, validateDisruptionBudget } from './scaling.ts';
import { validateClaim, validateConfigMap, validateSecret } from './storage.ts';
import { validateDaemonSet, validateDeployment, validateStatefulSet } from './workloads.ts';

const ofSpec = (validate: (spec: Field) => void) => (object: Field) => validate(object.at('spec'));

/** What kube-apiserver holds each kind to beyond its schema. Of another kind only the metadata is looked at. */
const kinds: Record<string, (object: Field) => void> = {
  'v1 Namespace': validateNamespace,
  'v1 Pod': ofSpec((spec) => validatePod(spec)),
  'v1 Service': ofSpec(validateService),
  'v1 ConfigMap': validateConfigMap,
  'v1 Secret': validateSecret,
  'v1 PersistentVolumeClaim': ofSpec(validateClaim),
  'apps/v1 Deployment': ofSpec(validateDeployment),
  'apps/v1 ReplicaSet': ofSpec(validateDeployment),
  'apps/v1 StatefulSet': ofSpec(validateStatefulSet),
  'apps/v1 DaemonSet': ofSpec(validateDaemonSet),
  'batch/v1 Job': ofSpec(validateJob),
  'batch/v1 CronJob': ofSpec(validateCronJob),
  'autoscaling/v2 HorizontalPodAutoscaler': ofSpec(validateAutoscaler),
  'policy/v1 PodDisruptionBudget': ofSpec(validateDisruptionBudget),
  'networking.k8s.io/v1 NetworkPolicy': ofSpec(validateNetworkPolicy),
  'networking.k8s.io/v1 Ingress': ofSpec(validateIngress),
  'rbac.authorization.k8s.io/v1 Role': (role) => validateRole(role, true),
  'rbac.authorization.k8s.io/v1 ClusterRole': (role) => validateRole(role, false),
  'rbac.authorization.k8s.io/v1 RoleBinding': (binding) => validateRoleBinding(binding, true),
  'rbac.authorization.k8s.io/v1 ClusterRoleBinding': (binding) => validateRoleBinding(binding, false),
};

/**
 * What kube-apiserver refuses an object for when it is created, though it keeps its schema: written from the API
 * reference and from `Validate*` in k8s.io/kubernetes/pkg/apis/<group>/validation, and held to kube-apiserver by
 * test/differential. What is not certain here is left to the cluster. The object must keep its schema.
 */
export function faultsOf({ apiVersion, id, value }: RenderedObject): Fault[] {
  const faults: Fault[] = [];
  const kind = `${apiVersion} ${id.kind}`;
  const object = new Field(asAdmitted(value), faults);
  validateMetadata(object.at('metadata'), kind);
  kinds[kind]?.(object);
  return faults;
}

/** The faults of some objects, but those that another rule tells of. */
export function invalidObjects(objects: RenderedObject[]): Violation[] {
  return objects.flatMap((object) =>
    faultsOf(object)
      .filter(({ by }) => by === undefined)
      .map(({ path, field, message }) => ({ object, path, message: `${field}: ${message}` })),
  );
}

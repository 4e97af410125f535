import { isMap } from '../model.ts';
import type { Field, Syntax } from './field.ts';
import { dnsLabel, dnsSubdomain, labelValue, pathSegment, qualifiedName } from './syntax.ts';

/** How the kinds are named whose names are no DNS subdomains. */
const names: Record<string, Syntax[]> = {
  'v1 Namespace': [dnsLabel],
  'v1 Service': [dnsLabel],
  'apps/v1 StatefulSet': [dnsLabel],
  'batch/v1 Job': [dnsSubdomain],
  'batch/v1 CronJob': [
    dnsSubdomain,
    (text) => (text.length > 52 ? 'has more than 52 characters, and its Jobs get 11 more' : undefined),
  ],
  'rbac.authorization.k8s.io/v1 Role': [pathSegment],
  'rbac.authorization.k8s.io/v1 RoleBinding': [pathSegment],
  'rbac.authorization.k8s.io/v1 ClusterRole': [pathSegment],
  'rbac.authorization.k8s.io/v1 ClusterRoleBinding': [pathSegment],
};

/** Kinds of which it is certain that their names are DNS subdomains, besides custom resources. */
const named = new Set([
  ...['v1 Pod', 'v1 ConfigMap', 'v1 Secret', 'v1 ServiceAccount', 'v1 PersistentVolumeClaim'],
  ...['apps/v1 Deployment', 'apps/v1 DaemonSet', 'apps/v1 ReplicaSet'],
  ...['autoscaling/v2 HorizontalPodAutoscaler'],
  ...[
    'networking.k8s.io/v1 NetworkPolicy',
    'networking.k8s.io/v1 Ingress',
    'argoproj.io/v1alpha1 Application',
  ],
]);

/** An object's own metadata. @param kind apiVersion and kind, joined by a space */
export function validateMetadata(metadata: Field, kind: string): void {
  const syntax = names[kind] ?? (named.has(kind) ? [dnsSubdomain] : [pathSegment]);
  const name = metadata.at('name');
  if (name.isEmpty && metadata.at('generateName').isEmpty) {
    name.fault('is needed, or generateName');
  }
  name.syntax(...syntax);
  if (kind === 'batch/v1 Job' && name.text.length > 63) {
    name
      .as('spec.template.labels')
      .fault(`the name becomes a label, and has ${name.text.length} characters of 63`);
  }
  metadata.at('namespace').syntax(dnsLabel);
  validateLabels(metadata.at('labels'));
  validateAnnotations(metadata.at('annotations'));
  for (const finalizer of metadata.at('finalizers').items()) {
    finalizer.as(metadata.at('finalizers').name).syntax(qualifiedName);
  }
  for (const owner of metadata.at('ownerReferences').items()) {
    for (const key of ['apiVersion', 'kind', 'name', 'uid']) {
      owner
        .at(key)
        .as(`${metadata.at('ownerReferences').name}.${key}`)
        .require();
    }
  }
}

/** A template's labels and annotations, which kube-apiserver names without `metadata`. */
export function validateTemplateMetadata(template: Field): void {
  const [labels, annotations] = [template.at('metadata', 'labels'), template.at('metadata', 'annotations')];
  if (!labels.isEmpty) {
    validateLabels(labels.as(`${template.name}.labels`));
  }
  if (!annotations.isEmpty) {
    validateAnnotations(annotations.as(`${template.name}.annotations`));
  }
}

function validateAnnotations(annotations: Field): void {
  let size = 0;
  for (const [key, entry] of annotations.entries()) {
    size += Buffer.byteLength(key) + Buffer.byteLength(entry.text);
    const wrong = qualifiedName(key.toLowerCase());
    if (wrong !== undefined) {
      entry.as(annotations.name).fault(`key "${key}" ${wrong}`);
    }
  }
  if (size > 256 * 1024) {
    annotations.fault(`has ${size} bytes, and may have 262144`);
  }
}

/** Labels, or what selects by them: nodeSelector, a Service's selector, matchLabels. */
export function validateLabels(labels: Field): void {
  for (const [key, entry] of labels.entries()) {
    const [wrongKey, wrongValue] = [qualifiedName(key), labelValue(entry.text)];
    if (wrongKey !== undefined) {
      entry.as(labels.name).fault(`key "${key}" ${wrongKey}`);
    }
    if (wrongValue !== undefined) {
      entry.as(labels.name).fault(`"${entry.text}" ${wrongValue}`);
    }
  }
}

/** @param values whether the values must have the syntax of labels */
export function validateLabelSelector(selector: Field, values = true): void {
  validateLabels(selector.at('matchLabels'));
  for (const requirement of selector.at('matchExpressions').items()) {
    const operator = requirement.at('operator').text;
    validateOperator(
      requirement,
      ['In', 'NotIn'].includes(operator),
      ['Exists', 'DoesNotExist'].includes(operator),
    );
    requirement.at('key').isEmpty
      ? requirement.at('key').fault('is needed')
      : requirement.at('key').syntax(qualifiedName);
    for (const value of values ? requirement.at('values').items() : []) {
      value.syntax(labelValue);
    }
  }
}

/** The values that an operator needs, or may not have. */
export function validateOperator(requirement: Field, needsValues: boolean, hasNone: boolean): void {
  const values = requirement.at('values');
  if (needsValues) {
    values.require('is needed by the operators In and NotIn');
  } else if (hasNone) {
    if (!values.isEmpty) {
      values.fault('may not be there with the operators Exists and DoesNotExist');
    }
  } else {
    requirement.at('operator').fault(`is "${requirement.at('operator').text}", which is no operator here`);
  }
}

/** Whether a selector selects nothing in particular. */
export function isEmptySelector(selector: Field): boolean {
  return (
    isMap(selector.value) && selector.at('matchLabels').isEmpty && selector.at('matchExpressions').isEmpty
  );
}

const securityLevels = ['privileged', 'baseline', 'restricted'];

/** The levels of pod security that a Namespace asks for. */
export function validateNamespace(namespace: Field): void {
  const labels = namespace.at('metadata', 'labels');
  for (const mode of ['enforce', 'audit', 'warn']) {
    const name = `pod-security.kubernetes.io/${mode}`;
    const level = labels.at(name).as(`${labels.name}[${name}]`);
    // What is no label has its own fault.
    if (level.isSet && labelValue(level.text) === undefined) {
      level.oneOf(securityLevels, true);
    }
  }
}

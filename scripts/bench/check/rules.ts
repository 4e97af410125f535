/** The rules that tools are compared on, and what each says. The names of our rego and Kyverno policies. */
export const comparedRules = {
  'unknown-field': 'no field that the kind does not have',
  'image-tag': 'every image has a tag, and not latest',
  resources: 'every container requests CPU and memory and limits memory',
  'ephemeral-storage': 'every container requests and limits ephemeral storage',
  'readiness-probe': 'every container that serves has a readinessProbe',
  'liveness-probe': 'every container that serves has a livenessProbe',
  'run-as-non-root': 'runAsNonRoot is true, in the pod or the container',
  'read-only-root': 'readOnlyRootFilesystem is true',
  'privilege-escalation': 'allowPrivilegeEscalation is false',
  capabilities: 'capabilities.drop has ALL',
  'service-type': 'no Service is of type NodePort',
  'duplicate-env': 'no environment variable is there twice',
};

export type ComparedRule = keyof typeof comparedRules;

export const ruleNames = Object.keys(comparedRules).filter(isComparedRule);

/** Whether a name is one of the rules that are compared. */
export function isComparedRule(name: string): name is ComparedRule {
  return name in comparedRules;
}

/** The rules of ours that say what the compared ones do, and hold the schema besides, as kubeconform does. */
export const ownRules = [
  ...['unknown-field', 'unknown-kind', 'schema', 'image-tag', 'resources', 'probes', 'run-as-non-root'],
  ...['read-only-root', 'privilege-escalation', 'capabilities', 'service-exposure', 'duplicate-env'],
];

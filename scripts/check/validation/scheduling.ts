import type { Field } from './field.ts';
import { validateLabelSelector, validateLabels, validateOperator } from './metadata.ts';
import { dnsLabel, dnsSubdomain, labelValue, qualifiedName } from './syntax.ts';

/** What decides on which node a pod runs. @param pod its spec */
export function validateScheduling(pod: Field): void {
  validateLabels(pod.at('nodeSelector'));
  validateNodeAffinity(pod.at('affinity', 'nodeAffinity'));
  for (const kind of ['podAffinity', 'podAntiAffinity']) {
    validatePodAffinity(pod.at('affinity', kind));
  }
  for (const toleration of pod.at('tolerations').items()) {
    validateToleration(toleration);
  }
  validateSpread(pod.at('topologySpreadConstraints').items());
}

const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';

function validateNodeAffinity(affinity: Field): void {
  const selector = affinity.at(required);
  if (selector.isSet) {
    const terms = selector.at('nodeSelectorTerms');
    terms.require();
    for (const term of terms.items()) {
      validateNodeTerm(term, true);
    }
  }
  for (const term of affinity.at(preferred).items()) {
    validateWeight(term.at('weight'));
    validateNodeTerm(term.at('preference'), false);
  }
}

function validateWeight(weight: Field): void {
  if (weight.number() < 1 || weight.number() > 100) {
    weight.fault(`is ${weight.number()}, and must be from 1 to 100`);
  }
}

function validateNodeTerm(term: Field, values: boolean): void {
  for (const requirement of term.at('matchExpressions').items()) {
    const operator = requirement.at('operator').text;
    if (['Gt', 'Lt'].includes(operator)) {
      if (requirement.at('values').items().length !== 1) {
        requirement.at('values').fault(`must be one value with the operator ${operator}`);
      }
    } else {
      validateOperator(
        requirement,
        ['In', 'NotIn'].includes(operator),
        ['Exists', 'DoesNotExist'].includes(operator),
      );
    }
    const key = requirement.at('key');
    key.isEmpty ? key.fault('is needed') : key.syntax(qualifiedName);
    for (const value of values ? requirement.at('values').items() : []) {
      value.syntax(labelValue);
    }
  }
  for (const requirement of term.at('matchFields').items()) {
    const operator = requirement.at('operator');
    if (!['In', 'NotIn'].includes(operator.text)) {
      operator.fault(`is "${operator.text}", which is no operator here`);
    } else if (requirement.at('values').items().length !== 1) {
      requirement.at('values').fault('must be one value');
    }
    if (requirement.at('key').text !== 'metadata.name') {
      requirement.at('key').fault('must be metadata.name');
    }
  }
}

function validatePodAffinity(affinity: Field): void {
  for (const term of affinity.at(required).items()) {
    validatePodTerm(term);
  }
  for (const term of affinity.at(preferred).items()) {
    validateWeight(term.at('weight'));
    validatePodTerm(term.at('podAffinityTerm'));
  }
}

function validatePodTerm(term: Field): void {
  validateLabelSelector(term.at('labelSelector'));
  validateLabelSelector(term.at('namespaceSelector'));
  for (const namespace of term.at('namespaces').items()) {
    namespace.as(`${term.name}.namespace`).syntax(dnsLabel);
  }
  term.at('topologyKey').needs(qualifiedName);
}

function validateToleration(toleration: Field): void {
  const [key, operator, value, effect] = ['key', 'operator', 'value', 'effect'].map((name) =>
    toleration.at(name),
  ) as [Field, Field, Field, Field];
  key.syntax(qualifiedName);
  if (key.isEmpty && operator.text !== 'Exists') {
    operator.fault('must be Exists where key is empty, which matches all keys');
  }
  if (toleration.at('tolerationSeconds').isSet && effect.text !== 'NoExecute') {
    effect.fault('must be NoExecute where tolerationSeconds is set');
  }
  if (operator.text === 'Exists') {
    if (!value.isEmpty) {
      value.as(operator.name).fault('Exists may have no value');
    }
  } else if (operator.text === '' || operator.text === 'Equal') {
    const wrong = labelValue(value.text);
    if (wrong !== undefined) {
      value.as(operator.name).fault(`value "${value.text}" ${wrong}`);
    }
  } else {
    operator.fault(`is "${operator.text}", and must be Equal or Exists`);
  }
  effect.oneOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute']);
}

function validateSpread(constraints: Field[]): void {
  for (const [index, constraint] of constraints.entries()) {
    const [key, when] = [constraint.at('topologyKey'), constraint.at('whenUnsatisfiable')];
    const skew = constraint.at('maxSkew');
    if (skew.number() < 1) {
      skew.fault(`is ${skew.number()}, and must be at least 1`);
    }
    key.require();
    when.oneOf(['DoNotSchedule', 'ScheduleAnyway'], true);
    const again = constraints
      .slice(index + 1)
      .some(
        (other) =>
          other.at('topologyKey').text === key.text && other.at('whenUnsatisfiable').text === when.text,
      );
    if (again) {
      constraint
        .as(`${constraint.name}.{topologyKey, whenUnsatisfiable}`)
        .fault('has a topologyKey and whenUnsatisfiable that another constraint has');
    }
    const domains = constraint.at('minDomains');
    domains.within(1);
    if (domains.isSet && when.text !== 'DoNotSchedule') {
      domains.fault('needs whenUnsatisfiable DoNotSchedule');
    }
    for (const policy of ['nodeAffinityPolicy', 'nodeTaintsPolicy']) {
      if (constraint.at(policy).isSet) {
        constraint.at(policy).oneOf(['Honor', 'Ignore'], true);
      }
    }
    validateLabelSelector(constraint.at('labelSelector'));
  }
}

/** Names of what else decides: a class, a node. */
export function validateSchedulingNames(pod: Field): void {
  for (const name of ['nodeName', 'priorityClassName', 'runtimeClassName']) {
    pod.at(name).syntax(dnsSubdomain);
  }
  pod.at('preemptionPolicy').oneOf(['PreemptLowerPriority', 'Never']);
}

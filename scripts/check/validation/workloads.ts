import { selects } from '../admission/selectors.ts';
import { isMap, type JsonMap } from '../model.ts';
import type { Field } from './field.ts';
import { isEmptySelector, validateLabelSelector, validateTemplateMetadata } from './metadata.ts';
import { validatePod } from './pods.ts';
import { validateClaim } from './storage.ts';
import { dnsLabel } from './syntax.ts';

/** Deployments and ReplicaSets. Whether the selector selects the template is what the rule workload-selector says. */
export function validateDeployment(spec: Field): void {
  for (const field of ['replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds']) {
    spec.at(field).within(0);
  }
  validateOwnSelector(spec);
  validateTemplate(spec, 'Always');
  const deadline = spec.at('progressDeadlineSeconds');
  if (deadline.isSet && deadline.number() <= spec.at('minReadySeconds').number()) {
    deadline.fault('must be more than minReadySeconds');
  }
  const strategy = spec.at('strategy');
  const rolling = strategy.at('rollingUpdate');
  if (!strategy.isSet) {
    return;
  }
  if (strategy.at('type').text === 'Recreate') {
    if (rolling.isSet) {
      rolling.fault('may not be there with the type Recreate');
    }
  } else if (strategy.at('type').text === 'RollingUpdate') {
    const [unavailable, surge] = [rolling.at('maxUnavailable'), rolling.at('maxSurge')];
    validateAmount(unavailable, 100);
    validateAmount(surge);
    if (amountOf(unavailable) === 0 && amountOf(surge) === 0) {
      unavailable.fault('may not be 0 when maxSurge is 0', 'stuck-rollout');
    }
  } else {
    strategy.fault(`has the type "${strategy.at('type').text}", and must have RollingUpdate or Recreate`);
  }
}

export function validateStatefulSet(spec: Field): void {
  const templates = spec.at('volumeClaimTemplates').items();
  for (const field of ['replicas', 'minReadySeconds']) {
    spec.at(field).within(0);
  }
  spec.at('ordinals', 'start').as(`${spec.name}.ordinals.start`).within(0);
  spec.at('podManagementPolicy').oneOf(['OrderedReady', 'Parallel']);
  spec.at('serviceName').syntax(dnsLabel);
  validateOwnSelector(spec);
  validateTemplate(
    spec,
    'Always',
    templates.map((claim) => claim.at('metadata', 'name').text),
  );
  for (const key of ['whenDeleted', 'whenScaled']) {
    spec.at('persistentVolumeClaimRetentionPolicy', key).oneOf(['Retain', 'Delete']);
  }
  for (const claim of templates) {
    validateClaim(claim.at('spec'));
    // Each becomes a volume of the pod, before the template's own, and is named as one.
    const name = claim.at('metadata', 'name').as(`${spec.name}.template.spec.volumes[0].name`);
    if (templates.length === 1) {
      name.needs(dnsLabel);
    }
  }
  const strategy = spec.at('updateStrategy');
  const rolling = strategy.at('rollingUpdate');
  const type = strategy.at('type').text;
  if (type === 'OnDelete') {
    if (rolling.isSet) {
      rolling.fault('is for the type RollingUpdate alone');
    }
  } else if (type === 'RollingUpdate') {
    rolling.at('partition').within(0);
    const unavailable = rolling.at('maxUnavailable');
    if (unavailable.isSet) {
      validateAmount(unavailable, 100);
      if (amountOf(unavailable) === 0) {
        unavailable.fault('may not be 0');
      }
    }
  } else {
    strategy.fault(`has the type "${type}", and must have RollingUpdate or OnDelete`);
  }
}

export function validateDaemonSet(spec: Field): void {
  for (const field of ['minReadySeconds', 'revisionHistoryLimit']) {
    spec.at(field).within(0);
  }
  validateOwnSelector(spec);
  validateTemplate(spec, 'Always');
  const strategy = spec.at('updateStrategy');
  const type = strategy.at('type').text;
  if (type === 'RollingUpdate') {
    const [unavailable, surge] = ['maxUnavailable', 'maxSurge'].map((key) =>
      strategy.at('rollingUpdate', key),
    ) as [Field, Field];
    validateAmount(unavailable, 100);
    validateAmount(surge, 100);
    if (amountOf(unavailable) !== 0 && amountOf(surge) !== 0) {
      surge.fault('may not be there when maxUnavailable is not 0');
    } else if (amountOf(unavailable) === 0 && amountOf(surge) === 0) {
      unavailable.fault('may not be 0 when maxSurge is 0', 'stuck-rollout');
    }
  } else if (type !== 'OnDelete') {
    strategy.fault(`has the type "${type}", and must have RollingUpdate or OnDelete`);
  }
}

function templateLabels(spec: Field): JsonMap {
  const labels = spec.at('template', 'metadata', 'labels').value;
  return isMap(labels) ? labels : {};
}

function validateOwnSelector(spec: Field): void {
  const selector = spec.at('selector');
  validateLabelSelector(selector);
  if (isEmptySelector(selector)) {
    selector.fault('may not be empty');
  } else if (!selector.isSet || !selects(selector.value, templateLabels(spec))) {
    selector
      .as(`${spec.name}.template.metadata.labels`)
      .fault('selector does not select them', 'workload-selector');
  }
}

/**
 * A workload's pods.
 * @param restart the one restartPolicy that the controller takes, where it takes one
 * @param claims the names of the volumes that a StatefulSet gives them
 */
export function validateTemplate(spec: Field, restart?: string, claims?: string[]): void {
  const template = spec.at('template');
  validateTemplateMetadata(template);
  const pod = template.at('spec');
  if (!isMap(pod.value)) {
    pod.at('containers').fault('is needed');
    return;
  }
  validatePod(pod, claims);
  if (!pod.at('ephemeralContainers').isEmpty) {
    pod.at('ephemeralContainers').fault('may not be in a template');
  }
  if (restart !== undefined) {
    const policy = pod.at('restartPolicy');
    if (policy.text !== restart) {
      policy.fault(`is "${policy.text}", and must be ${restart} here`);
    }
    if (pod.at('activeDeadlineSeconds').isSet) {
      pod.at('activeDeadlineSeconds').fault('may not be set here');
    }
  }
}

/** A number of pods, or a percentage of them. */
export function validateAmount(amount: Field, most = Number.POSITIVE_INFINITY): void {
  if (typeof amount.value === 'string') {
    if (!/^\d+%$/.test(amount.value)) {
      amount.fault(`is "${amount.value}", and must be a number or a percentage`);
    } else if (Number.parseInt(amount.value, 10) > most) {
      amount.fault(`is ${amount.value}, and must be at most ${most}%`);
    }
  } else {
    amount.within(0);
  }
}

function amountOf({ value }: Field): number {
  return typeof value === 'string' ? Number.parseInt(value, 10) || 0 : typeof value === 'number' ? value : 0;
}

import type { Field } from './field.ts';
import { validateLabelSelector } from './metadata.ts';
import { resourceName } from './resources.ts';
import { dnsLabel, pathSegment } from './syntax.ts';
import { validateAmount } from './workloads.ts';

export function validateAutoscaler(spec: Field): void {
  const [least, most] = [spec.at('minReplicas'), spec.at('maxReplicas')];
  least.within(1);
  if (most.number() < 1) {
    most.fault(`is ${most.number()}, and must be at least 1`);
  }
  if (least.isSet && most.number() < least.number()) {
    most.fault(`is ${most.number()}, less than minReplicas, ${least.number()}`);
  }
  validateTargetReference(spec.at('scaleTargetRef'), true);
  for (const metric of spec.at('metrics').items()) {
    validateMetric(metric);
  }
  for (const direction of ['scaleUp', 'scaleDown']) {
    validateScaling(spec.at('behavior', direction));
  }
}

function validateTargetReference(target: Field, needsGroup: boolean): void {
  target.at('kind').needs(pathSegment);
  target.at('name').needs(pathSegment);
  const version = target.at('apiVersion');
  if (version.text.split('/').length > 2) {
    version.fault(`"${version.text}" is no group and version`);
  } else if (needsGroup && (!version.text.includes('/') || version.text.startsWith('/'))) {
    version.fault(`is "${version.text}", and must have a group`);
  }
}

const metricSources: Record<string, string> = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  External: 'external',
  ContainerResource: 'containerResource',
};

function validateMetric(metric: Field): void {
  const type = metric.at('type');
  const own = metricSources[type.text];
  if (own === undefined) {
    type.fault(`is "${type.text}", and must be one of ${Object.keys(metricSources).join(', ')}`);
    return;
  }
  const given = Object.values(metricSources).filter((source) => metric.at(source).isSet);
  if (!given.includes(own)) {
    metric.at(own).fault(`is needed by the type ${type.text}`);
  }
  if (given.length !== 1) {
    for (const other of given.filter((source) => source !== own)) {
      metric.at(other).fault(`may not be there with the type ${type.text}`);
    }
    return;
  }
  for (const source of given.map((name) => metric.at(name))) {
    validateSource(source, given[0] ?? '');
  }
}

function validateSource(source: Field, kind: string): void {
  const target = source.at('target');
  const [value, average, utilization] = ['value', 'averageValue', 'averageUtilization'].map((key) =>
    target.at(key),
  ) as [Field, Field, Field];
  if (!['Utilization', 'Value', 'AverageValue'].includes(target.at('type').text)) {
    target.at('type').fault(`is "${target.at('type').text}", and must be Utilization, Value or AverageValue`);
  }
  for (const amount of [value, average]) {
    if ((amount.quantity?.nanos ?? 1n) <= 0n) {
      amount.fault(`is ${amount.value}, and must be more than 0`);
    }
  }
  utilization.within(1);
  if (kind === 'resource' || kind === 'containerResource') {
    if (source.at('name').require() && kind === 'containerResource') {
      const wrong = resourceName(source.at('name').text);
      if (wrong !== undefined) {
        source.at('name').fault(`"${source.at('name').text}" ${wrong}`);
      }
    }
    if (kind === 'containerResource') {
      source.at('container').needs(dnsLabel);
    }
    if (!utilization.isSet && !average.isSet) {
      utilization.fault('is needed, or averageValue');
    }
    if (utilization.isSet && average.isSet) {
      average.fault('may not be there beside averageUtilization');
    }
    return;
  }
  source.at('metric', 'name').needs(pathSegment);
  if (!average.isSet && (kind === 'pods' || !value.isSet)) {
    average.fault('is needed');
  }
  if (kind === 'external' && average.isSet && value.isSet) {
    value.fault('may not be there beside averageValue');
  }
  if (kind === 'object') {
    validateTargetReference(source.at('describedObject'), false);
  }
}

function validateScaling(rules: Field): void {
  if (!rules.isSet) {
    return;
  }
  rules.at('stabilizationWindowSeconds').within(0, 3600);
  if (rules.at('selectPolicy').isSet) {
    rules.at('selectPolicy').oneOf(['Max', 'Min', 'Disabled'], true);
  }
  rules.at('policies').require('needs a policy');
  for (const policy of rules.at('policies').items()) {
    policy.at('type').oneOf(['Pods', 'Percent'], true);
    for (const [key, most] of [
      ['value', Number.POSITIVE_INFINITY],
      ['periodSeconds', 1800],
    ] as const) {
      const field = policy.at(key);
      if (field.number() < 1 || field.number() > most) {
        field.fault(
          `is ${field.number()}, and must be at least 1${key === 'value' ? '' : ` and at most ${most}`}`,
        );
      }
    }
  }
}

export function validateDisruptionBudget(spec: Field): void {
  const [least, most] = [spec.at('minAvailable'), spec.at('maxUnavailable')];
  if (least.isSet && most.isSet) {
    spec.fault('may not have both minAvailable and maxUnavailable');
  }
  validateAmount(least, 100);
  validateAmount(most, 100);
  validateLabelSelector(spec.at('selector'));
  if (spec.at('unhealthyPodEvictionPolicy').isSet) {
    spec.at('unhealthyPodEvictionPolicy').oneOf(['AlwaysAllow', 'IfHealthyBudget'], true);
  }
}

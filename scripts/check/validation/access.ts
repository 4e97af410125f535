import type { Field } from './field.ts';
import { validateLabelSelector } from './metadata.ts';
import { dnsSubdomain, pathSegment } from './syntax.ts';

const group = 'rbac.authorization.k8s.io';

export function validateRole(role: Field, namespaced: boolean): void {
  for (const rule of role.at('rules').items()) {
    rule.at('verbs').require();
    const urls = rule.at('nonResourceURLs');
    if (urls.isEmpty) {
      rule.at('apiGroups').require();
      rule.at('resources').require();
      continue;
    }
    if (namespaced) {
      urls.fault('may not be in a Role');
    }
    if (['apiGroups', 'resources', 'resourceNames'].some((key) => !rule.at(key).isEmpty)) {
      urls.fault('may not be beside resources');
    }
  }
  if (namespaced || !role.at('aggregationRule').isSet) {
    return;
  }
  const selectors = role.at('aggregationRule', 'clusterRoleSelectors');
  selectors.require();
  for (const selector of selectors.items()) {
    validateLabelSelector(selector);
  }
}

export function validateRoleBinding(binding: Field, namespaced: boolean): void {
  const role = binding.at('roleRef');
  // An empty group is defaulted.
  role.at('apiGroup').oneOf([group]);
  role.at('kind').oneOf(namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'], true);
  role.at('name').needs(pathSegment);
  for (const subject of binding.at('subjects').items()) {
    const kind = subject.at('kind').text;
    subject.at('name').require();
    if (kind === 'ServiceAccount') {
      subject.at('name').syntax(dnsSubdomain);
      if (!subject.at('apiGroup').isEmpty) {
        subject.at('apiGroup').fault('must be empty for a ServiceAccount');
      }
      if (!namespaced && subject.at('namespace').isEmpty) {
        subject.at('namespace').fault('is needed for a ServiceAccount');
      }
    } else if (kind === 'User' || kind === 'Group') {
      subject.at('apiGroup').oneOf([group]);
    } else {
      subject.at('kind').fault(`is "${kind}", and must be ServiceAccount, User or Group`);
    }
  }
}

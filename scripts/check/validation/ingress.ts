import type { Field } from './field.ts';
import { address, dnsLabel, dnsSubdomain, portName, wildcardDomain } from './syntax.ts';

export function validateIngress(spec: Field): void {
  if (spec.at('rules').isEmpty && !spec.at('defaultBackend').isSet) {
    spec.fault('needs defaultBackend or rules');
  }
  if (spec.at('defaultBackend').isSet) {
    validateBackend(spec.at('defaultBackend'));
  }
  for (const rule of spec.at('rules').items()) {
    validateHost(rule.at('host'));
    const paths = rule.at('http', 'paths');
    if (rule.at('http').isSet) {
      paths.require();
    }
    for (const path of paths.items()) {
      validateIngressPath(path);
    }
  }
  for (const tls of spec.at('tls').items()) {
    for (const host of tls.at('hosts').items()) {
      host.isEmpty
        ? host.fault('may not be empty')
        : host.syntax(host.text.includes('*') ? wildcardDomain : dnsSubdomain);
    }
    tls.at('secretName').syntax(dnsSubdomain);
  }
  const named = spec.at('ingressClassName');
  if (named.isSet) {
    named.isEmpty ? named.fault('may not be empty') : named.syntax(dnsSubdomain);
  }
}

function validateHost(host: Field): void {
  if (!host.isEmpty && address(host.text) === undefined) {
    host.fault(`"${host.text}" is an address, and must be a name`);
  }
  host.syntax(host.text.includes('*') ? wildcardDomain : dnsSubdomain);
}

function validateIngressPath(path: Field): void {
  const [type, value] = [path.at('pathType'), path.at('path')];
  if (!type.isSet) {
    type.fault('is needed');
    return;
  }
  type.oneOf(['Exact', 'Prefix', 'ImplementationSpecific'], true);
  const isExact = ['Exact', 'Prefix'].includes(type.text);
  if (
    (isExact || (type.text === 'ImplementationSpecific' && !value.isEmpty)) &&
    !value.text.startsWith('/')
  ) {
    value.fault('must begin with "/"');
  }
  const wrong = /\/\/|\/\.\.?\/|%2f|%2F|\/\.\.?$/.exec(value.text)?.[0];
  if (isExact && wrong !== undefined) {
    value.fault(`may not have "${wrong}" in it`);
  }
  validateBackend(path.at('backend'));
}

function validateBackend(backend: Field): void {
  const [service, resource] = [backend.at('service'), backend.at('resource')];
  if (service.isSet === resource.isSet) {
    backend.fault('needs either service or resource');
    return;
  }
  if (!service.isSet) {
    return;
  }
  service.at('name').needs(dnsLabel);
  const [name, number] = [service.at('port', 'name'), service.at('port', 'number')];
  if (name.isEmpty === (number.number() === 0)) {
    backend.fault("needs either the name or the number of the service's port");
  } else if (!name.isEmpty) {
    name.syntax(portName);
  } else {
    number.within(1, 65_535);
  }
}

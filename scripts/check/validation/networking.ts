import { type Field, unique } from './field.ts';
import { validateLabelSelector, validateLabels } from './metadata.ts';
import { validatePortReference } from './probes.ts';
import { address, addressBlock, block, dnsLabel, dnsSubdomain, qualifiedName } from './syntax.ts';

const protocols = ['TCP', 'UDP', 'SCTP'];

export function validateService(spec: Field): void {
  const type = spec.at('type').text;
  const isHeadless =
    spec.at('clusterIP').text === 'None' || spec.at('clusterIPs').items()[0]?.text === 'None';
  spec.at('type').oneOf(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']);
  const ports = spec.at('ports').items();
  if (ports.length === 0 && !isHeadless && type !== 'ExternalName') {
    spec.at('ports').fault('is needed');
  }
  if (isHeadless && ['LoadBalancer', 'NodePort'].includes(type)) {
    spec
      .at('clusterIP')
      .as(`${spec.name}.clusterIPs[0]`)
      .fault(`may not be None in a Service of type ${type}`);
  }
  if (type === 'ExternalName') {
    validateExternalName(spec);
  } else if (spec.at('clusterIP').text !== 'None') {
    spec.at('clusterIP').as(`${spec.name}.clusterIPs[0]`).syntax(address);
  }
  for (const port of ports) {
    validateServicePort(port, ports.length > 1);
    if (type === 'ClusterIP' && port.at('nodePort').number() !== 0) {
      port.at('nodePort').fault('may not be there in a Service of type ClusterIP');
    }
  }
  unique(ports.map((port) => port.at('name')));
  uniquePorts(ports, 'port', ({ name }) => name);
  uniquePorts(ports, 'nodePort', ({ name }) => `${name}.nodePort`);
  validateLabels(spec.at('selector'));
  validateAffinity(spec);
  for (const ip of spec.at('externalIPs').items()) {
    ip.needs(address);
  }
  const ranges = spec.at('loadBalancerSourceRanges');
  for (const [index, range] of ranges.items().entries()) {
    // Spaces around it are taken.
    const wrong = addressBlock(range.text.trim());
    if (wrong !== undefined) {
      range.as(`${spec.name}.LoadBalancerSourceRanges[${index}]`).fault(`"${range.text}" ${wrong}`);
    }
  }
  if (type === 'LoadBalancer') {
    const named = spec.at('loadBalancerClass');
    if (named.isSet) {
      named.needs(qualifiedName);
    }
  } else {
    if (!ranges.isEmpty) {
      ranges.as(`${spec.name}.LoadBalancerSourceRanges`).fault('is for the type LoadBalancer alone');
    }
    for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass']) {
      if (spec.at(field).isSet) {
        spec.at(field).fault('is for the type LoadBalancer alone');
      }
    }
  }
  const external = spec.at('externalTrafficPolicy');
  const isReached =
    ['LoadBalancer', 'NodePort'].includes(type) || (type === 'ClusterIP' && !spec.at('externalIPs').isEmpty);
  if (isReached) {
    external.oneOf(['Cluster', 'Local']);
  } else if (!external.isEmpty) {
    external.fault('is for Services that are reached from outside');
  }
  if (spec.at('internalTrafficPolicy').isSet) {
    spec.at('internalTrafficPolicy').oneOf(['Cluster', 'Local'], true);
  }
  if (spec.at('trafficDistribution').isSet) {
    spec.at('trafficDistribution').oneOf(['PreferClose', 'PreferSameZone', 'PreferSameNode'], true);
  }
}

function validateExternalName(spec: Field): void {
  for (const field of ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) {
    if (!spec.at(field).isEmpty) {
      spec.at(field).fault('may not be there in a Service of type ExternalName');
    }
  }
  const name = spec.at('externalName');
  if (name.require()) {
    name.syntax((text) => dnsSubdomain(text.replace(/\.$/, '')));
  }
}

function validateServicePort(port: Field, needsName: boolean): void {
  const name = port.at('name');
  if (needsName && name.isEmpty) {
    name.fault('is needed where there are several ports');
  }
  name.syntax(dnsLabel);
  if (port.at('port').number() < 1 || port.at('port').number() > 65_535) {
    port.at('port').fault(`is ${port.at('port').number()}, and must be from 1 to 65535`);
  }
  port.at('protocol').oneOf(protocols);
  if (port.at('targetPort').isSet) {
    validatePortReference(port.at('targetPort'));
  }
  const protocol = port.at('appProtocol');
  if (protocol.isSet) {
    protocol.isEmpty ? protocol.fault('may not be empty') : protocol.syntax(qualifiedName);
  }
}

function uniquePorts(ports: Field[], field: 'port' | 'nodePort', nameOf: (port: Field) => string): void {
  const seen = new Set<string>();
  for (const port of ports) {
    const number = port.at(field).number();
    const key = `${port.at('protocol').text} ${number}`;
    if (seen.has(key) && (field === 'port' || number !== 0)) {
      port.at(field).as(nameOf(port)).fault(`${key} is there twice`);
    }
    seen.add(key);
  }
}

function validateAffinity(spec: Field): void {
  const affinity = spec.at('sessionAffinity');
  affinity.oneOf(['ClientIP', 'None']);
  const config = spec.at('sessionAffinityConfig');
  if (affinity.text === 'ClientIP') {
    const timeout = config.at('clientIP', 'timeoutSeconds');
    timeout.within(1, 86_400);
  }
}

export function validateNetworkPolicy(spec: Field): void {
  validateLabelSelector(spec.at('podSelector'));
  for (const [direction, peers] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const) {
    for (const rule of spec.at(direction).items()) {
      for (const port of rule.at('ports').items()) {
        validatePolicyPort(port);
      }
      for (const peer of rule.at(peers).items()) {
        validatePeer(peer);
      }
    }
  }
  const types = spec.at('policyTypes');
  if (types.items().length > 2) {
    types.fault('may be two');
    return;
  }
  for (const type of types.items()) {
    type.oneOf(['Ingress', 'Egress'], true);
  }
}

function validatePolicyPort(policyPort: Field): void {
  if (policyPort.at('protocol').isSet) {
    policyPort.at('protocol').oneOf(protocols, true);
  }
  const [port, end] = [policyPort.at('port'), policyPort.at('endPort')];
  if (port.isSet) {
    validatePortReference(port);
  }
  if (!end.isSet) {
    return;
  }
  if (typeof port.value !== 'number') {
    end.fault('needs a port that is a number');
  } else {
    if (end.number() < port.number()) {
      end.fault('must be at least port');
    }
    end.within(1, 65_535);
  }
}

function validatePeer(peer: Field): void {
  const [pods, namespaces, blocked] = ['podSelector', 'namespaceSelector', 'ipBlock'].map((key) =>
    peer.at(key),
  ) as [Field, Field, Field];
  validateLabelSelector(pods);
  validateLabelSelector(namespaces);
  if (!pods.isSet && !namespaces.isSet && !blocked.isSet) {
    peer.fault('needs podSelector, namespaceSelector or ipBlock');
  }
  if (!blocked.isSet) {
    return;
  }
  if (pods.isSet || namespaces.isSet) {
    peer.fault('may not have ipBlock beside another peer');
  }
  const cidr = blocked.at('cidr');
  if (!cidr.require()) {
    return;
  }
  cidr.syntax(addressBlock);
  const whole = block(cidr.text);
  for (const except of blocked.at('except').items()) {
    except.isEmpty ? except.fault('may not be empty') : except.syntax(addressBlock);
    const part = block(except.text);
    const isWithin =
      whole === undefined ||
      part === undefined ||
      // The first two characters say the family.
      (part.prefix > whole.prefix &&
        part.bits.slice(0, whole.prefix + 2) === whole.bits.slice(0, whole.prefix + 2));
    if (!isWithin) {
      except.fault(`${except.text} must be a part of ${cidr.text}`);
    }
  }
}

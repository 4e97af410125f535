import { validateContainers, validateGates, validateProfiles } from './containers.ts';
import { type Field, unique } from './field.ts';
import { validateScheduling, validateSchedulingNames } from './scheduling.ts';
import { address, dnsLabel, dnsSubdomain } from './syntax.ts';
import { validateVolumes } from './volumes.ts';

const greatestId = 2 ** 31 - 1;

/**
 * A pod's spec, by itself or in a template.
 * @param claims the names of the volumes that its StatefulSet gives it, if it is of one
 */
export function validatePod(pod: Field, claims?: string[]): void {
  validateVolumes(pod);
  validateContainers(pod, claims);
  validateSecurity(pod);
  validateScheduling(pod);
  validateSchedulingNames(pod);
  validateGates(pod);
  validateNetwork(pod);
  pod.at('restartPolicy').oneOf(['Always', 'OnFailure', 'Never']);
  pod.at('activeDeadlineSeconds').within(1, greatestId);
  pod.at('serviceAccountName').syntax(dnsSubdomain);
  // A StatefulSet's controller writes these.
  for (const name of claims === undefined ? ['hostname', 'subdomain'] : []) {
    pod.at(name).syntax(dnsLabel);
  }
}

function validateNetwork(pod: Field): void {
  const [policy, config] = [pod.at('dnsPolicy'), pod.at('dnsConfig')];
  policy.oneOf(['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']);
  const servers = config.at('nameservers');
  if (policy.text === 'None' && servers.isEmpty) {
    (config.isSet ? servers : config).fault('is needed by the dnsPolicy None');
  }
  if (servers.items().length > 3) {
    servers.fault('may have 3 servers');
  }
  for (const server of servers.items()) {
    server.syntax(address);
  }
  if (config.at('searches').items().length > 32) {
    config.at('searches').fault('may have 32 domains');
  }
  for (const option of config.at('options').items()) {
    if (option.at('name').isEmpty) {
      option.fault('needs a name');
    }
  }
  for (const alias of pod.at('hostAliases').items()) {
    const ip = alias.at('ip');
    ip.isEmpty ? ip.fault('is no IP address') : ip.syntax(address);
    for (const name of alias.at('hostnames').items()) {
      name.syntax(dnsSubdomain);
    }
  }
  for (const container of pod.at('hostNetwork').value === true ? pod.at('containers').items() : []) {
    for (const port of container.at('ports').items()) {
      const own = port.at('hostPort');
      if (own.number() !== 0 && own.number() !== port.at('containerPort').number()) {
        own.fault('must be the containerPort where hostNetwork is true');
      }
    }
  }
}

function validateSecurity(pod: Field): void {
  const context = pod.at('securityContext');
  for (const id of ['fsGroup', 'runAsUser', 'runAsGroup']) {
    context.at(id).within(0, greatestId);
  }
  for (const group of context.at('supplementalGroups').items()) {
    group.within(0, greatestId);
  }
  if (pod.at('shareProcessNamespace').value === true && pod.at('hostPID').value === true) {
    // kube-apiserver keeps both in the securityContext.
    pod
      .at('shareProcessNamespace')
      .as(`${context.name}.shareProcessNamespace`)
      .fault('may not be true beside hostPID');
  }
  const sysctls = context.at('sysctls').items();
  for (const sysctl of sysctls) {
    sysctl
      .at('name')
      .needs((name) =>
        name.length <= 253 &&
        /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/.test(name)
          ? undefined
          : 'is no name of a sysctl',
      );
  }
  unique(sysctls.map((sysctl) => sysctl.at('name')));
  if (context.at('fsGroupChangePolicy').isSet) {
    context.at('fsGroupChangePolicy').oneOf(['OnRootMismatch', 'Always'], true);
  }
  if (context.at('supplementalGroupsPolicy').isSet) {
    context.at('supplementalGroupsPolicy').oneOf(['Merge', 'Strict'], true);
  }
  validateProfiles(context);
  if (pod.at('hostUsers').value === false) {
    for (const [field, theirs] of [
      ['hostPID', 'HostPID'],
      ['hostIPC', 'HostIPC'],
    ] as const) {
      if (pod.at(field).value === true) {
        pod.at(field).as(`${pod.name}.${theirs}`).fault('may not be true where hostUsers is false');
      }
    }
  }
}

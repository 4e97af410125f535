import { type Field, unique } from './field.ts';
import { validateHooks } from './probes.ts';
import { validateResources } from './resources.ts';
import {
  configKey,
  dnsLabel,
  dnsSubdomain,
  environmentName,
  portName,
  qualifiedName,
  relativePath,
} from './syntax.ts';
import { validateFieldReference, validateResourceReference } from './volumes.ts';

const restartPolicies = ['Always', 'Never', 'OnFailure'];

/**
 * A pod's containers, those that run before the others included.
 * @param pod its spec
 * @param claims the volumes that a StatefulSet gives it
 */
export function validateContainers(pod: Field, claims: string[] = []): void {
  const grace = pod.at('terminationGracePeriodSeconds').number(30);
  const containers = pod.at('containers').items();
  const before = pod.at('initContainers').items();
  pod.at('containers').require();
  for (const container of containers) {
    validateContainer(pod, container, claims);
    validateHooks(container, grace);
    validateRestartPolicy(container);
  }
  for (const container of before) {
    validateContainer(pod, container, claims);
    validateRestartPolicy(container);
    if (container.at('restartPolicy').text === 'Always') {
      validateHooks(container, grace);
    } else {
      for (const hook of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe']) {
        if (container.at(hook).isSet) {
          container.at(hook).fault('is for init containers with restartPolicy Always alone');
        }
      }
    }
  }
  unique([...containers, ...before].map((container) => container.at('name')));
  const hostPorts = (some: Field[]) =>
    some.flatMap((container) =>
      container
        .at('ports')
        .items()
        .filter((port) => port.at('hostPort').number() !== 0),
    );
  // Init containers run one after the other, and may have the same ports.
  for (const ports of [hostPorts(containers), ...before.map((container) => hostPorts([container]))]) {
    const keys = new Map(
      ports.map((port) => [
        port.at('hostPort').name,
        [port.at('protocol').text, port.at('hostIP').text, port.at('hostPort').number()].join('/'),
      ]),
    );
    unique(
      ports.map((port) => port.at('hostPort')),
      ({ name }) => keys.get(name) ?? '',
    );
  }
}

function validateRestartPolicy(container: Field): void {
  const [policy, rules] = [container.at('restartPolicy'), container.at('restartPolicyRules').items()];
  if (!policy.isSet && rules.length > 0) {
    policy.fault('is needed by restartPolicyRules');
  }
  if (policy.isSet) {
    policy.oneOf(restartPolicies, true);
  }
}

function validateContainer(pod: Field, container: Field, claims: string[]): void {
  container.at('name').needs(dnsLabel);
  container.at('image').require();
  container.at('imagePullPolicy').oneOf(['Always', 'IfNotPresent', 'Never']);
  container.at('terminationMessagePolicy').oneOf(['File', 'FallbackToLogsOnError']);
  validatePorts(container);
  validateEnvironment(container);
  validateMounts(pod, container, claims);
  validateResources(container.at('resources'), pod);
  const restart = pod.at('restartPolicy').text;
  const resize = container.at('resizePolicy');
  for (const policy of resize.items()) {
    policy.at('resourceName').as(resize.name).oneOf(['cpu', 'memory'], true);
    policy.at('restartPolicy').as(resize.name).oneOf(['NotRequired', 'RestartContainer'], true);
    if (restart === 'Never' && policy.at('restartPolicy').text === 'RestartContainer') {
      policy
        .at('restartPolicy')
        .as(resize.name)
        .fault('must be NotRequired in a pod that is never restarted');
    }
  }
  validateContainerSecurity(container.at('securityContext'), pod);
}

function validatePorts(container: Field): void {
  const ports = container.at('ports').items();
  for (const port of ports) {
    port.at('name').syntax(portName);
    if (port.at('containerPort').number() === 0) {
      port.at('containerPort').fault('is needed');
    }
    for (const field of ['containerPort', 'hostPort']) {
      if (port.at(field).number() !== 0) {
        port.at(field).within(1, 65_535);
      }
    }
    port.at('protocol').oneOf(['TCP', 'UDP', 'SCTP']);
  }
  unique(ports.map((port) => port.at('name')).filter(({ text }) => portName(text) === undefined));
}

function validateEnvironment(container: Field): void {
  for (const variable of container.at('env').items()) {
    variable.at('name').needs(environmentName);
    const from = variable.at('valueFrom');
    if (!from.isSet) {
      continue;
    }
    validateFieldReference(from.at('fieldRef'), 'env');
    validateResourceReference(from.at('resourceFieldRef'), false);
    for (const source of ['configMapKeyRef', 'secretKeyRef']) {
      const reference = from.at(source);
      if (reference.isSet) {
        reference.at('name').isEmpty
          ? reference.at('name').fault('is needed')
          : reference.at('name').syntax(dnsSubdomain);
        reference.at('key').needs(configKey);
      }
    }
    const sources = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'];
    const given = sources.filter((source) => from.at(source).isSet).length;
    if (given === 0) {
      from.fault(`needs one of ${sources.join(', ')}`);
    } else if (!variable.at('value').isEmpty) {
      from.fault('may not be there beside value');
    } else if (given > 1) {
      from.fault('has more than one source');
    }
  }
  const all = container.at('envFrom');
  for (const source of all.items()) {
    source.at('prefix').syntax(environmentName);
    const given = ['configMapRef', 'secretRef'].filter((key) => source.at(key).isSet);
    for (const key of given) {
      source.at(key, 'name').needs();
    }
    if (given.length !== 1) {
      source.as(all.name).fault('needs either configMapRef or secretRef');
    }
  }
}

function validateMounts(pod: Field, container: Field, templates: string[]): void {
  const mounts = container.at('volumeMounts');
  const devices = container.at('volumeDevices').items();
  const volumes = pod.at('volumes').items();
  const has = (some: Field[], use: Field) =>
    some.some((volume) => volume.at('name').text === use.at('name').text);
  const isPrivileged = container.at('securityContext', 'privileged').value === true;
  for (const mount of mounts.items()) {
    if (mount.at('name').require() && !has(volumes, mount) && !templates.includes(mount.at('name').text)) {
      mount.at('name').fault('is no volume of the pod', 'volume-mount');
    }
    mount.at('mountPath').require();
    for (const key of ['subPath', 'subPathExpr']) {
      if (!mount.at(key).isEmpty) {
        mount.at(key).as(`${mounts.name}.${key}`).syntax(relativePath);
      }
    }
    if (!mount.at('subPath').isEmpty && !mount.at('subPathExpr').isEmpty) {
      mount.at('subPathExpr').fault('may not be there beside subPath');
    }
    if (mount.at('mountPropagation').isSet) {
      const propagation = mount.at('mountPropagation').as(`${mounts.name}.mountPropagation`);
      propagation.oneOf(['Bidirectional', 'HostToContainer', 'None'], true);
      if (propagation.text === 'Bidirectional' && !isPrivileged) {
        propagation.fault('may be Bidirectional in privileged containers alone');
      }
    }
    for (const device of devices) {
      if (device.at('devicePath').text === mount.at('mountPath').text) {
        mount.at('mountPath').fault('is the path of a device too');
      }
    }
  }
  unique(mounts.items().map((mount) => mount.at('mountPath')));
  unique(devices.map((device) => device.at('devicePath')));
  const claims = volumes.filter(
    (volume) => volume.at('persistentVolumeClaim').isSet || volume.at('ephemeral').isSet,
  );
  for (const device of devices) {
    device.at('name').require();
    device
      .at('devicePath')
      .needs((path) => (path.split('/').includes('..') ? 'may not have ".." in it' : undefined));
    if (has(volumes, device) && !has(claims, device)) {
      device.at('name').fault('is of a volume that is no PersistentVolumeClaim');
    }
  }
}

const greatestId = 2 ** 31 - 1;

function validateContainerSecurity(context: Field, pod: Field): void {
  context.at('runAsUser').within(0, greatestId);
  context.at('runAsGroup').within(0, greatestId);
  const procMount = context.at('procMount');
  if (procMount.isSet) {
    procMount.oneOf(['Default', 'Unmasked'], true);
  }
  if (procMount.text === 'Unmasked' && pod.at('hostUsers').value !== false) {
    procMount.fault('may be Unmasked where hostUsers is false alone');
  }
  validateProfiles(context);
  if (context.at('allowPrivilegeEscalation').value === false) {
    if (context.at('privileged').value === true) {
      context.fault('may not be privileged and not allow the escalation of privileges');
    }
    if (
      context
        .at('capabilities', 'add')
        .items()
        .some(({ text }) => text === 'CAP_SYS_ADMIN')
    ) {
      context.fault('may not add CAP_SYS_ADMIN and not allow the escalation of privileges');
    }
  }
}

/** The seccomp and AppArmor profiles of a container or a pod. */
export function validateProfiles(context: Field): void {
  for (const key of ['seccompProfile', 'appArmorProfile']) {
    const profile = context.at(key);
    if (!profile.isSet) {
      continue;
    }
    profile.at('type').oneOf(['Localhost', 'RuntimeDefault', 'Unconfined'], true);
    const local = profile.at('localhostProfile');
    if (profile.at('type').text === 'Localhost') {
      local.require('is needed by the type Localhost');
      if (key === 'seccompProfile') {
        local.syntax(relativePath);
      }
    } else if (local.isSet) {
      local.fault('is for the type Localhost alone');
    }
  }
}

/** The conditions that a pod waits for, and what keeps it from being scheduled. */
export function validateGates(pod: Field): void {
  for (const gate of pod.at('readinessGates').items()) {
    const type = gate.at('conditionType');
    type.isEmpty ? type.fault('is needed') : type.syntax(qualifiedName);
  }
}

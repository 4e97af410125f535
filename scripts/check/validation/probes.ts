import type { Field } from './field.ts';
import { headerName, portName } from './syntax.ts';

/** A container's probes, and what it does when it starts and stops. @param grace its pod's time to end, in seconds */
export function validateHooks(container: Field, grace: number): void {
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = container.at(name);
    if (!probe.isSet) {
      continue;
    }
    validateHandler(probe, ['exec', 'httpGet', 'tcpSocket', 'grpc'], grace);
    for (const field of [
      'initialDelaySeconds',
      'timeoutSeconds',
      'periodSeconds',
      'successThreshold',
      'failureThreshold',
    ]) {
      probe.at(field).within(0);
    }
    const own = probe.at('terminationGracePeriodSeconds');
    if (name === 'readinessProbe') {
      if (own.isSet) {
        own.fault('may not be set for a readinessProbe');
      }
      if (own.isSet) {
        own.within(1);
      }
    } else {
      own.within(1);
      if (probe.at('successThreshold').number(1) !== 1) {
        probe.at('successThreshold').fault('must be 1');
      }
    }
  }
  for (const name of ['postStart', 'preStop']) {
    const hook = container.at('lifecycle', name);
    if (hook.isSet) {
      validateHandler(hook, ['exec', 'httpGet', 'tcpSocket', 'sleep'], grace);
    }
  }
}

function validateHandler(hook: Field, kinds: string[], grace: number): void {
  const [handler, ...more] = kinds.map((kind) => hook.at(kind)).filter(({ isSet }) => isSet);
  for (const other of more) {
    other.fault('may not be there beside another handler');
  }
  if (handler === undefined) {
    hook.fault(`needs a handler: ${kinds.join(', ')}`);
    return;
  }
  const kind = handler.name.slice(hook.name.length + 1);
  if (kind === 'exec') {
    handler.at('command').require();
  } else if (kind === 'httpGet') {
    handler.at('path').require();
    validatePortReference(handler.at('port'));
    handler.at('scheme').oneOf(['HTTP', 'HTTPS']);
    for (const header of handler.at('httpHeaders').items()) {
      const name = header.at('name').as(handler.at('httpHeaders').name);
      if (name.require()) {
        name.syntax(headerName);
      }
    }
  } else if (kind === 'tcpSocket' || kind === 'grpc') {
    validatePortReference(handler.at('port'));
  } else {
    const seconds = handler.at('seconds').number();
    if (seconds < 0 || seconds > grace) {
      handler.fault(
        `sleeps ${seconds} s, and must be within the ${grace} s of terminationGracePeriodSeconds`,
      );
    }
  }
}

/** A port by number or by name. */
export function validatePortReference(port: Field): void {
  if (typeof (port.value ?? 0) === 'number') {
    if (port.number() < 1 || port.number() > 65_535) {
      port.fault(`is ${port.number()}, and must be from 1 to 65535`);
    }
  } else if (port.text === '') {
    port.fault('is needed');
  } else {
    port.syntax(portName);
  }
}

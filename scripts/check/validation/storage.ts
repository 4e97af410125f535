import type { Field } from './field.ts';
import { validateLabelSelector } from './metadata.ts';
import { configKey, dnsSubdomain } from './syntax.ts';

/** 1 MiB less some: what etcd takes, https://kubernetes.io/docs/concepts/configuration/configmap/ */
const mostBytes = 1024 * 1024;

export function validateConfigMap(object: Field): void {
  const [data, binary] = [object.at('data').entries(), object.at('binaryData').entries()];
  const names = new Set(binary.map(([key]) => key));
  for (const [key, entry] of [...data, ...binary]) {
    validateKey(key, entry);
  }
  for (const [key, entry] of data.filter(([name]) => names.has(name))) {
    entry.fault(`key "${key}" is in binaryData too`);
  }
  const size =
    sum(data.map(([, { text }]) => Buffer.byteLength(text))) +
    sum(binary.map(([, { text }]) => bytes(text).length));
  if (size > mostBytes) {
    object.at('data').as('[]').fault(`has ${size} bytes, and may have ${mostBytes}`);
  }
}

export function validateSecret(object: Field): void {
  // stringData is written over data before anything is looked at.
  const said = new Map([
    ...object
      .at('data')
      .entries()
      .map(([key, { text }]) => [key, bytes(text)] as const),
    ...object
      .at('stringData')
      .entries()
      .map(([key, { text }]) => [key, Buffer.from(text)] as const),
  ]);
  for (const [key, entry] of [...object.at('data').entries(), ...object.at('stringData').entries()]) {
    validateKey(key, entry.as(`data[${key}]`));
  }
  const size = sum([...said.values()].map(({ length }) => length));
  if (size > mostBytes) {
    object.at('data').fault(`has ${size} bytes, and may have ${mostBytes}`);
  }
  const needs = (key: string, isThere = said.has(key)) => {
    if (!isThere) {
      object.at('data').as(`data[${key}]`).fault(`is needed by the type ${type}`);
    }
  };
  const type = object.at('type').text;
  if (type === 'kubernetes.io/tls') {
    needs('tls.crt');
    needs('tls.key');
  } else if (type === 'kubernetes.io/basic-auth') {
    if (!said.has('username') && !said.has('password')) {
      needs('username');
      needs('password');
    }
  } else if (type === 'kubernetes.io/ssh-auth') {
    needs('ssh-privatekey', (said.get('ssh-privatekey')?.length ?? 0) > 0);
  } else if (type === 'kubernetes.io/service-account-token') {
    const name = 'kubernetes.io/service-account.name';
    const annotation = object.at('metadata', 'annotations', name).as(`metadata.annotations[${name}]`);
    annotation.require(`is needed by the type ${type}`);
  }
  for (const [own, key] of [
    ['kubernetes.io/dockercfg', '.dockercfg'],
    ['kubernetes.io/dockerconfigjson', '.dockerconfigjson'],
  ] as const) {
    const content = said.get(key);
    if (type === own) {
      needs(key);
      if (content !== undefined && !isObject(content)) {
        object.at('data').as(`data[${key}]`).fault('is no JSON object');
      }
    }
  }
}

function validateKey(key: string, entry: Field): void {
  const wrong = configKey(key);
  if (wrong !== undefined) {
    entry.fault(`key "${key}" ${wrong}`);
  }
}

function bytes(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}

function isObject(content: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(content.toString());
    return value === null || (typeof value === 'object' && !Array.isArray(value));
  } catch {
    return false;
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

const modes = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'];

/** A PersistentVolumeClaim, by itself or in a StatefulSet. */
export function validateClaim(spec: Field): void {
  const access = spec.at('accessModes');
  access.require();
  for (const mode of access.items()) {
    mode.as(access.name).oneOf(modes, true);
  }
  const said = access.items().map(({ text }) => text);
  if (
    said.includes('ReadWriteOncePod') &&
    said.some((mode) => mode !== 'ReadWriteOncePod' && modes.includes(mode))
  ) {
    access.fault('may not have ReadWriteOncePod and others');
  }
  const storage = spec.at('resources', 'requests', 'storage').as(`${spec.at('resources').name}[storage]`);
  if (!storage.isSet) {
    storage.fault('is needed');
  } else if ((storage.quantity?.nanos ?? 1n) <= 0n) {
    storage.fault(`is ${storage.value}, and must be more than 0`);
  }
  spec.at('storageClassName').syntax(dnsSubdomain);
  if (spec.at('volumeMode').isSet) {
    spec.at('volumeMode').oneOf(['Block', 'Filesystem'], true);
  }
  validateLabelSelector(spec.at('selector'));
}

import { isIP } from 'node:net';
import type { Syntax } from './field.ts';

const label = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';

/** A syntax of a pattern and a greatest length in characters, with the words for who breaks it. */
function of(pattern: RegExp, most: number, words: string): Syntax {
  return (text) => {
    if (text.length > most) {
      return `has ${text.length} characters, and may have ${most}`;
    }
    return pattern.test(text) ? undefined : words;
  };
}

// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
export const dnsLabel = of(
  new RegExp(`^${label}$`),
  63,
  'is no DNS label: lower-case letters, digits and dashes, a letter or digit first and last',
);
export const dnsSubdomain = of(
  new RegExp(`^${label}(?:\\.${label})*$`),
  253,
  'is no DNS subdomain: lower-case letters, digits, dashes and dots, a letter or digit first and last',
);
export const wildcardDomain = of(
  new RegExp(`^\\*\\.${label}(?:\\.${label})*$`),
  253,
  'is no wildcard domain: "*." and a DNS subdomain',
);
export const pathSegment: Syntax = (text) =>
  text === '.' || text === '..' || /[/%]/.test(text)
    ? 'may not be "." or "..", nor have "/" or "%" in it'
    : undefined;

// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
const namePart = of(
  /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/,
  63,
  'is no qualified name: letters, digits, "-", "_" and ".", a letter or digit first and last',
);
export const labelValue: Syntax = (text) => (text === '' ? undefined : namePart(text));
export const qualifiedName: Syntax = (text) => {
  const [name = '', prefix, ...more] = text.split('/').reverse();
  if (more.length > 0 || prefix === '') {
    return 'is no qualified name: a name, or a DNS subdomain, one slash and a name';
  }
  return (prefix === undefined ? undefined : dnsSubdomain(prefix)) ?? namePart(name);
};

// RFC 6335, section 5.1, in lower case.
export const portName = of(
  /^(?!-)(?!.*--)(?=.*[a-z])[-a-z0-9]+(?<!-)$/,
  15,
  'is no port name: lower-case letters, at least one, digits and single dashes within',
);

export const configKey: Syntax = (text) =>
  of(/^[-._a-zA-Z0-9]+$/, 253, 'is no key: letters, digits, "-", "_" and "."')(text) ??
  (text === '.' || text.startsWith('..') ? 'may not be "." nor begin with ".."' : undefined);

export const environmentName: Syntax = (text) =>
  /^[\x20-\x3c\x3e-\x7e]+$/.test(text) ? undefined : 'is no name of a variable: printable ASCII without "="';

export const headerName: Syntax = (text) =>
  /^[-A-Za-z0-9]+$/.test(text) ? undefined : 'is no name of an HTTP header: letters, digits and dashes';

export const relativePath: Syntax = (text) => {
  if (text.startsWith('/')) {
    return 'must be relative';
  }
  return text.split('/').includes('..') ? 'may not have ".." in it' : undefined;
};

/** A path below a volume: its first step may not begin with "..", which Kubernetes' own links do. */
export const volumePath: Syntax = (text) =>
  relativePath(text) ?? (text.startsWith('..') ? 'may not begin with ".."' : undefined);

export const address: Syntax = (text) => (isIP(text) === 0 ? 'is no IP address' : undefined);

/** An address block whose address has no bit behind the prefix. */
export const addressBlock: Syntax = (text) =>
  block(text) === undefined ? 'is no CIDR: an address, a slash and a number of bits' : undefined;

/** The bits of a block's address and the length of its prefix, undefined where it is no block. */
export function block(text: string): { bits: string; prefix: number } | undefined {
  const [host = '', length = '', ...more] = text.split('/');
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(host)] ?? -1;
  const prefix = /^(0|[1-9]\d*)$/.test(length) ? Number(length) : Number.POSITIVE_INFINITY;
  return more.length > 0 || prefix > most ? undefined : { bits: bitsOf(host), prefix };
}

function bitsOf(host: string): string {
  if (isIP(host) === 4) {
    return `4:${host
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('')}`;
  }
  // An IPv4 address may stand for the last two groups.
  const plain = host.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (part: string | undefined) => (part === undefined || part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const all = tail === undefined ? before : [...before, ...zeros, ...after];
  return `6:${all.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('')}`;
}

import { isMap, type Json, type JsonMap } from '../check/model.ts';

/** What policies/secret-in-env and policies/secret-in-config-map call a secret, by its name and by its value. */
export const secretName = '(password|passwd|secret|token|api[_-]?key|private[_-]?key|credential)';
export const saysWhere =
  '[_.-](file|path|dir|name|host|port|ur[il]|endpoint|issuer|audience|ttl|lifetime|expiry|expires|expiration|timeout|interval|seconds|minutes|hours|days|length|size|type|header|algorithm|enabled)$';
export const passwordInUrl = String.raw`://[^/?#@:\s]*:[^/?#@\s$<{%][^/?#@\s]*@`;

const [named, where, url] = [
  new RegExp(secretName, 'i'),
  new RegExp(saysWhere, 'i'),
  new RegExp(passwordInUrl),
];
const privateKey = /-----BEGIN[\s\S]*PRIVATE KEY-----/;
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
/** A field that is itself called so, in whatever object; `secretName` is a name, and no secret. */
const secretField = /^(\w*password|passwd|\w*token|api[_-]?key|private[_-]?key|secret)$/i;

const mark = '\u0000concealed ';
const notShown = '(not shown)';
const changedNotShown = '(changed, not shown)';

/**
 * Takes secret values out of objects before they are compared: each becomes a mark, the same for the same value, so that
 * nothing that comes after has the value and a change of it still is one.
 */
export class Concealer {
  readonly #marks = new Map<string, string>();

  /** The object without its secret values. */
  conceal(object: JsonMap): JsonMap {
    const all = object.kind === 'Secret' ? ['data', 'stringData'] : [];
    const named = object.kind === 'ConfigMap' ? ['data', 'binaryData'] : [];
    return Object.fromEntries(
      Object.entries(object).map(([field, value]) => {
        const isSecret = (key: string, text: string) =>
          all.includes(field) ||
          (named.includes(field) && (isSecretName(key) || isSecretValue(decoded(text))));
        const entries = isMap(value) && [...all, ...named].includes(field) ? value : undefined;
        return [
          field,
          entries === undefined
            ? this.#within(value, field)
            : Object.fromEntries(
                Object.entries(entries).map(([key, inner]) => [
                  key,
                  isSecret(key, String(inner)) ? this.#marked(inner) : this.#within(inner, key),
                ]),
              ),
        ];
      }),
    );
  }

  /** A text that somebody else wrote about concealed objects, without the values that were taken out of them. */
  scrub(text: string): string {
    const values = [...this.#marks.keys()].flatMap((value) => [value, decoded(value)]);
    return values
      .filter((value) => value.length > 2)
      .sort((one, other) => other.length - one.length)
      .reduce((scrubbed, value) => scrubbed.replaceAll(value, notShown), text);
  }

  #within(value: Json, field: string): Json {
    if (Array.isArray(value)) {
      return value.map((inner) => this.#within(inner, ''));
    }
    if (isMap(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([key, inner]) => {
          const isOfSecretName =
            key === 'value' && typeof value.name === 'string' && isSecretName(value.name);
          const isSecret = isScalar(inner) && (isOfSecretName || key === lastApplied);
          return [key, isSecret ? this.#marked(inner) : this.#within(inner, key)];
        }),
      );
    }
    const isSecret = typeof value === 'string' && (secretField.test(field) || isSecretValue(value));
    return isSecret ? this.#marked(value) : value;
  }

  #marked(value: Json): Json {
    if (value === '' || value === null) {
      return value;
    }
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const known = this.#marks.get(text) ?? `${mark}${this.#marks.size}`;
    this.#marks.set(text, known);
    return known;
  }
}

function isScalar(value: Json): boolean {
  return value !== null && typeof value !== 'object';
}

function isSecretName(name: string): boolean {
  return named.test(name) && !where.test(name);
}

function isSecretValue(value: string): boolean {
  const [, flag = ''] = /^--?([\w.-]+)=./s.exec(value) ?? [];
  return privateKey.test(value) || url.test(value) || (flag !== '' && isSecretName(flag));
}

/** The text with what it is in base64, where it is that. */
function decoded(text: string): string {
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  return isBase64 ? Buffer.from(text, 'base64').toString() : text;
}

/** The value for a reader; `isNew` where it stands in the place of another one. */
export function shownValue(value: Json, isNew = false): Json {
  if (typeof value === 'string') {
    return value.startsWith(mark) ? (isNew ? changedNotShown : notShown) : value;
  }
  if (Array.isArray(value)) {
    return value.map((inner) => shownValue(inner));
  }
  return isMap(value)
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shownValue(inner)]))
    : value;
}

import type { Json, JsonMap } from '../model.ts';

/** The text has something that the plain reader does not read: the full parser must say what it is. */
export class NotPlain extends Error {}

/** How deep collections may nest. */
export const deepest = 64;

/** The value of a plain scalar that may be something other than the string it looks like. */
export type Resolve = (scalar: string) => Json;

/** A scalar in quotes, with them. @throws {NotPlain} */
export function readQuoted(written: string): string {
  if (/^'(?:[^']|'')*'$/.test(written)) {
    return written.slice(1, -1).replaceAll("''", "'");
  }
  if (/^"[^"\\]*"$/.test(written)) {
    return written.slice(1, -1);
  }
  try {
    const value: unknown = JSON.parse(written);
    if (typeof value === 'string') {
      return value;
    }
  } catch {
    // An escape that JSON does not have.
  }
  throw new NotPlain();
}

const words: Record<string, Json> = { true: true, false: false, null: null, '~': null };
const otherThanString = /^(?:[-+.0-9]|[yn]$|(?:yes|no|on|off|true|false|null)$|[<=]|~)/i;

/** A scalar without quotes, which must not have `notInside`. @throws {NotPlain} */
export function readPlain(scalar: string, resolve: Resolve, notInside: RegExp): Json {
  if (!otherThanString.test(scalar)) {
    if (/^[,[\]{}#&*!|>'"%@`]|^[?:](?: |$)/.test(scalar) || notInside.test(scalar) || scalar === '') {
      throw new NotPlain();
    }
    return scalar;
  }
  const word = Object.hasOwn(words, scalar) ? words[scalar] : undefined;
  if (word !== undefined) {
    return word;
  }
  if (/^(?:0|-?[1-9]\d{0,14})$/.test(scalar)) {
    return Number(scalar);
  }
  if (notInside.test(scalar) || /^(?:-(?: |$)|<)/.test(scalar)) {
    throw new NotPlain();
  }
  return resolve(scalar);
}

/** `[a, b]` or `{a: b}` on one line. @throws {NotPlain} */
export function readFlow(text: string, resolve: Resolve): Json {
  return new FlowReader(text, resolve).value();
}

class FlowReader {
  readonly #text: string;
  readonly #resolve: Resolve;
  #at = 0;

  constructor(text: string, resolve: Resolve) {
    this.#text = text;
    this.#resolve = resolve;
  }

  value(): Json {
    const value = this.#node(0);
    if (this.#at < this.#text.length) {
      throw new NotPlain();
    }
    return value;
  }

  #node(depth: number): Json {
    const open = this.#text[this.#at];
    if (depth > deepest) {
      throw new NotPlain();
    }
    if (open === '[') {
      const items: Json[] = [];
      this.#members(']', () => items.push(this.#node(depth + 1)));
      return items;
    }
    if (open === '{') {
      const map: JsonMap = {};
      this.#members('}', () => {
        const key = this.#scalar();
        if (typeof key !== 'string' || key === '__proto__' || Object.hasOwn(map, key)) {
          throw new NotPlain();
        }
        if (!this.#text.startsWith(': ', this.#at)) {
          throw new NotPlain();
        }
        this.#at += 2;
        this.#spaces();
        map[key] = this.#node(depth + 1);
      });
      return map;
    }
    return this.#scalar();
  }

  #members(close: string, read: () => void): void {
    this.#at += 1;
    this.#spaces();
    if (this.#text[this.#at] === close) {
      this.#at += 1;
      return;
    }
    for (;;) {
      read();
      this.#spaces();
      const next = this.#text[this.#at];
      this.#at += 1;
      this.#spaces();
      if (next === close) {
        return;
      }
      if (next !== ',' || this.#text[this.#at] === close) {
        throw new NotPlain();
      }
    }
  }

  #scalar(): Json {
    const rest = this.#text.slice(this.#at);
    const quote = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/.exec(rest)?.[0];
    if (quote !== undefined) {
      this.#at += quote.length;
      return readQuoted(quote);
    }
    const scalar = /^[^,[\]{}:]*(?::(?! |$|[,[\]{}])[^,[\]{}:]*)*/.exec(rest)?.[0] ?? '';
    this.#at += scalar.length;
    return readPlain(scalar.trimEnd(), this.#resolve, / #/);
  }

  #spaces(): void {
    while (this.#text[this.#at] === ' ') {
      this.#at += 1;
    }
  }
}

import {
  type Document,
  type DocumentOptions,
  LineCounter,
  type ParsedNode,
  type ParseOptions,
  parseAllDocuments,
  type SchemaOptions,
  type Tags,
} from 'yaml';
import type { Json } from '../model.ts';

/** What does not parse, with its line. */
export type YamlProblem = { rule: 'duplicate-key' | 'yaml-syntax'; line: number; message: string };

/**
 * Reads YAML as Kubernetes does: version 1.1 (0644 is octal, `on` is true), without the tags that Go's YAML
 * library does not resolve (a time is a string, 22:22 is no number).
 */
const asGoReads: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  customTags: (tags: Tags): Tags =>
    tags
      .filter(
        (tag) =>
          typeof tag === 'string' || !['intTime', 'floatTime', 'TIME', 'timestamp'].includes(formatOf(tag)),
      )
      .map((tag) =>
        // To Go a number has a digit: "." and ".e5" are strings.
        typeof tag !== 'string' &&
        tag.tag === 'tag:yaml.org,2002:float' &&
        'test' in tag &&
        (tag.test?.test('.0') || tag.test?.test('1e1'))
          ? { ...tag, test: new RegExp(`^(?=[-+]?\\.?[0-9])(?:${tag.test.source})`) }
          : tag,
      ),
};

function formatOf(tag: Exclude<Tags[number], string>): string {
  return ('format' in tag && tag.format) || tag.tag.replace('tag:yaml.org,2002:', '');
}

/** What the API server takes of one object, `MaxRequestBodyBytes` in k8s.io/apiserver; the parser needs far more. */
const mostBytes = 3 * 1024 * 1024;

/** The documents of a YAML text with the places of their nodes; empty ones left out. */
export class FullYaml {
  readonly documents: Document<ParsedNode>[];
  readonly problems: YamlProblem[];
  /** The documents as plain values; empty when the text does not parse. */
  readonly values: Json[];
  readonly #lines = new LineCounter();
  readonly #firstLine: number;

  constructor(text: string, firstLine: number) {
    this.#firstLine = firstLine;
    const found = attempt(() => this.#parse(text));
    const documents = 'failed' in found ? [] : found.done;
    this.documents = documents.filter((document) => document.contents !== null);
    this.problems = documents
      .flatMap((document) => document.errors)
      .map((error) => ({
        rule: error.code === 'DUPLICATE_KEY' ? 'duplicate-key' : 'yaml-syntax',
        line: this.position(error.pos[0]).line,
        message:
          error.code === 'DUPLICATE_KEY'
            ? `the key ${keyAt(text, error.pos[0])} is there twice`
            : readable(error.message.split(' at line')[0] ?? error.message),
      }));
    const read = attempt(() =>
      this.problems.length > 0 ? [] : this.documents.map((document) => plainData(document)),
    );
    this.values = 'failed' in read ? [] : read.done;
    const failed = 'failed' in found ? found.failed : 'failed' in read ? read.failed : undefined;
    if (failed !== undefined) {
      this.problems.push({ rule: 'yaml-syntax', line: firstLine, message: failed });
    }
  }

  /** Line and column, from 1, of a place in the text. */
  position(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: line + this.#firstLine - 1, column: col };
  }

  #parse(text: string): Document<ParsedNode>[] {
    if (text.length > mostBytes) {
      throw new Error(`a document of more than ${mostBytes} bytes, which the API server does not take`);
    }
    const all = parseAllDocuments(text, { ...asGoReads, lineCounter: this.#lines });
    return Array.isArray(all) ? all : [];
  }
}

/** @throws for aliases that repeat too much, or that are inside what they name */
function plainData(document: Document<ParsedNode>): Json {
  const value = document.toJS({ maxAliasCount: 100 }) as Json;
  if (document.contents !== null && JSON.stringify(value) === undefined) {
    throw new Error('no JSON could say this');
  }
  // After JSON had its say: it refuses circles, in which there is no end of levels to look at.
  if (isDeeperThan(value, deepest)) {
    throw new Error(tooDeep);
  }
  return value;
}

/** The value of a plain scalar by itself. */
export function resolveScalar(scalar: string): Json {
  const known = resolved.get(scalar);
  if (known !== undefined) {
    return known;
  }
  const value = parseAllDocuments(scalar, asGoReads)[0]?.toJS() as Json;
  if (resolved.size < 100_000) {
    resolved.set(scalar, value);
  }
  return value;
}

const resolved = new Map<string, Json>();

/** How many levels are read: a manifest has about 20, and whatever looks at one calls itself for each. */
const deepest = 250;

const tooDeep = `nested too deeply: more than ${deepest} levels are not read`;

/** The key that begins at a place in a text, as it is written. */
function keyAt(text: string, at: number): string {
  return (
    /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\n:]|:(?! |\n))*/.exec(text.slice(at, at + 200))?.[0].trim() ?? ''
  );
}

/** The parser catches its own overflow of the stack, and gives it as one error of many. */
function readable(message: string): string {
  return message.includes('call stack') ? tooDeep : message;
}

function isDeeperThan(value: Json, levels: number): boolean {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  return levels === 0 || Object.values(value).some((inside) => isDeeperThan(inside, levels - 1));
}

/** The parser's own errors for what is hostile: aliases upon aliases, nesting without end, a circle. */
function attempt<T>(work: () => T): { done: T } | { failed: string } {
  try {
    return { done: work() };
  } catch (error) {
    return {
      failed: error instanceof Error ? readable(error.message.split('\n')[0] ?? '') : String(error),
    };
  }
}

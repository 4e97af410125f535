import { readFile } from 'node:fs/promises';
import {
  type Document,
  type DocumentOptions,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  type ParseOptions,
  parseAllDocuments,
  type SchemaOptions,
  type Tags,
} from 'yaml';
import { CannotRun } from '../cli.ts';
import { type FieldPath, isMap as isJsonMap, type Json, valueAt } from './model.ts';

/**
 * Reads YAML as Kubernetes does: version 1.1 (0644 is octal, `on` is true), without the tags that Go's YAML
 * library does not resolve (a time is a string, 22:22 is no number).
 */
const asGoReads: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  customTags: (tags: Tags): Tags =>
    tags.filter(
      (tag) =>
        typeof tag === 'string' || !['intTime', 'floatTime', 'TIME', 'timestamp'].includes(formatOf(tag)),
    ),
};

function formatOf(tag: Exclude<Tags[number], string>): string {
  return ('format' in tag && tag.format) || tag.tag.replace('tag:yaml.org,2002:', '');
}

/** What does not parse, with its line. */
export type YamlProblem = { rule: 'duplicate-key' | 'yaml-syntax'; line: number; message: string };

/** A place in a YAML text, how many steps of a path lead there, and the value that stands there. */
export type Located = { line: number; column: number; depth: number; value: Json };

/** A YAML text with the lines of its nodes. Several documents, empty ones left out. */
export class YamlFile {
  readonly documents: Document<ParsedNode>[];
  readonly problems: YamlProblem[];
  readonly path: string;
  readonly #lines = new LineCounter();
  readonly #firstLine: number;

  constructor(path: string, text: string, firstLine = 1) {
    this.path = path;
    this.#firstLine = firstLine;
    const all = parseAllDocuments(text, { ...asGoReads, lineCounter: this.#lines });
    const documents = Array.isArray(all) ? all : [];
    this.documents = documents.filter((document) => document.contents !== null);
    this.problems = documents
      .flatMap((document) => document.errors)
      .map((error) => ({
        rule: error.code === 'DUPLICATE_KEY' ? 'duplicate-key' : 'yaml-syntax',
        line: this.#position(error.pos[0]).line,
        message: error.message.split(' at line')[0] ?? error.message,
      }));
  }

  /** Reads and parses a file. @throws {CannotRun} when it cannot be read */
  static async read(path: string): Promise<YamlFile> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new CannotRun(`${path} cannot be read (${error.code}): mend that, nothing was checked.`);
    });
    return new YamlFile(path, text);
  }

  /** The documents as plain values; empty when the text does not parse. */
  values(): Json[] {
    return this.problems.length > 0 ? [] : this.documents.map((document) => document.toJS());
  }

  /** The line a document starts on, after its comments. */
  documentLine(index: number): number {
    return this.#position(this.documents[index]?.contents?.range[0] ?? 0).line;
  }

  /**
   * Where a field stands, and how many of the path's steps the document has. A step that is a number finds the list
   * item that is the same thing as the one in `like`, the object the path is of, and else the one at that position.
   */
  locate(index: number, path: FieldPath, like: Json = null): Located {
    const root = this.documents[index]?.contents;
    let at = root?.range[0] ?? 0;
    let node: unknown = root;
    let depth = 0;
    for (const [step, name] of path.entries()) {
      const item = typeof name === 'number' ? valueAt(like, path.slice(0, step + 1)) : undefined;
      const next = child(node, name, item);
      if (next === undefined) {
        break;
      }
      at = next.start;
      node = next.value;
      depth += 1;
    }
    const value = isNode(node) ? (node.toJS(this.documents[index] as Document) as Json) : (node as Json);
    return { ...this.#position(at), depth, value };
  }

  /** The YAML inside a block scalar (`patch: |-`), its lines counted in this file. */
  inner(index: number, path: FieldPath): YamlFile | undefined {
    let node: unknown = this.documents[index]?.contents;
    for (const step of path) {
      node = child(node, step, undefined)?.value;
    }
    if (!isScalar(node) || typeof node.value !== 'string') {
      return undefined;
    }
    const { line } = this.#position((node as Node).range?.[0] ?? 0);
    const block = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
    return new YamlFile(this.path, node.value, block ? line + 1 : line);
  }

  #position(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: line + this.#firstLine - 1, column: col };
  }
}

/** The keys by which Kustomize and kubectl merge list items, `patchMergeKey` in k8s.io/api; the first that is there. */
const mergeKeys = ['name', 'mountPath', 'devicePath', 'containerPort', 'port', 'topologyKey', 'ip', 'key'];

function child(
  node: unknown,
  step: string | number,
  like: Json | undefined,
): { start: number; value: unknown } | undefined {
  if (isMap(node) && typeof step === 'string') {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step);
    return pair && { start: startOf(pair.key), value: pair.value };
  }
  if (isSeq(node) && typeof step === 'number') {
    const items: unknown[] = node.items;
    const key = isJsonMap(like)
      ? mergeKeys.find(
          (name) => like[name] !== undefined && items.some((item) => isMap(item) && item.has(name)),
        )
      : undefined;
    const item =
      key === undefined || !isJsonMap(like)
        ? items[step]
        : items.find((candidate) => isMap(candidate) && candidate.get(key) === like[key]);
    return item === undefined ? undefined : { start: startOf(item), value: item };
  }
  return undefined;
}

function startOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}

/** Files parsed once in a run. */
export class YamlFiles {
  readonly #files = new Map<string, Promise<YamlFile>>();

  /** @throws {CannotRun} when the file cannot be read */
  read(path: string): Promise<YamlFile> {
    let file = this.#files.get(path);
    if (file === undefined) {
      file = YamlFile.read(path);
      this.#files.set(path, file);
    }
    return file;
  }
}

/** The documents of a program's YAML output, empty ones left out. */
export function parseOutput(text: string): Json[] {
  return new YamlFile('output', text).values();
}

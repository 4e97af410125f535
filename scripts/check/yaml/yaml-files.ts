import { realpathSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { isScalar, type Node } from 'yaml';
import { CannotRun } from '../../cli.ts';
import type { FieldPath, Json } from '../model.ts';
import { FullYaml, resolveScalar, type YamlProblem } from './full-yaml.ts';
import { fullOf, type Located, locateIn, nodeAt, type Part } from './places.ts';
import { NotPlain } from './plain-scalars.ts';
import { readPlainYaml } from './plain-yaml.ts';

const mostBytes = 64 * 1024 * 1024;

/** A YAML text with the lines of its nodes. Several documents, empty ones left out. */
export class YamlFile {
  readonly path: string;
  readonly problems: YamlProblem[];
  readonly #parts: Part[];
  /** Of each document its part, and which one of that part it is. */
  readonly #documents: { part: Part; nth: number }[];
  readonly #values: Json[];
  readonly #indent: number;

  /** @param indent by how many columns the text is indented in the file */
  constructor(path: string, text: string, firstLine = 1, indent = 0) {
    this.path = path;
    this.#indent = indent;
    this.#parts = parts(text, firstLine);
    this.problems = this.#parts.flatMap((part) => part.problems);
    this.#documents = this.#parts.flatMap((part) => part.values.map((_, nth) => ({ part, nth })));
    this.#values = this.problems.length > 0 ? [] : this.#parts.flatMap((part) => part.values);
  }

  /** Reads and parses a file. @throws {CannotRun} when it cannot be read */
  static async read(path: string): Promise<YamlFile> {
    const cannot = (reason: string) =>
      new CannotRun(`${path} cannot be read (${reason}): mend that, nothing was checked.`);
    const bytes = await stat(path)
      .then((found) => (found.isFile() ? found.size : Number.NaN))
      .catch((error: NodeJS.ErrnoException) => {
        throw cannot(error.code ?? error.message);
      });
    if (Number.isNaN(bytes) || bytes > mostBytes) {
      throw cannot(Number.isNaN(bytes) ? 'no regular file' : `${bytes} bytes, at most ${mostBytes} are read`);
    }
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw cannot(error.code ?? error.message);
    });
    return new YamlFile(path, text);
  }

  /** The documents as plain values; empty when the text does not parse. */
  values(): Json[] {
    return this.#values;
  }

  /** The line a document starts on, after its comments. */
  documentLine(index: number): number {
    return this.locate(index, []).line;
  }

  /**
   * Where a field stands, and how many of the path's steps the document has. A step that is a number finds the list
   * item that is the same thing as the one in `like`, the object the path is of, and else the one at that position.
   */
  locate(index: number, path: FieldPath, like: Json = null): Located {
    const { part, nth } = this.#document(index);
    const located = locateIn(part, nth, path, like);
    return { ...located, column: located.column + this.#indent };
  }

  /** The YAML inside a block scalar (`patch: |-`), its lines and columns counted in this file. */
  inner(index: number, path: FieldPath): YamlFile | undefined {
    const { part, nth } = this.#document(index);
    const full = fullOf(part);
    const node = nodeAt(full.documents[nth]?.contents, path);
    if (!isScalar(node) || typeof node.value !== 'string') {
      return undefined;
    }
    const { line } = full.position((node as Node).range?.[0] ?? 0);
    if (node.type !== 'BLOCK_LITERAL' && node.type !== 'BLOCK_FOLDED') {
      return new YamlFile(this.path, node.value, line);
    }
    const written = part.text.slice(part.text.indexOf('\n', (node as Node).range?.[0] ?? 0) + 1);
    return new YamlFile(this.path, node.value, line + 1, indentOf(written) - indentOf(node.value));
  }

  #document(index: number): { part: Part; nth: number } {
    return this.#documents[index] ?? { part: emptyPart, nth: 0 };
  }
}

/** How far the first line of a text that is not empty is indented. */
function indentOf(text: string): number {
  return /^(?:[^\S\n]*\n)* */.exec(text)?.[0].split('\n').at(-1)?.length ?? 0;
}

const emptyPart: Part = { text: '', firstLine: 1, values: [], problems: [] };

/** Where the text can be cut at `---` without reading it: no directives, no document's end, nothing behind a `---`. */
function parts(text: string, firstLine: number): Part[] {
  if (/^(?:%|\.\.\.|---(?! *(?:#.*)?$))/m.test(text)) {
    return [part(text, firstLine)];
  }
  const found: Part[] = [];
  let start = 0;
  let line = firstLine;
  for (const { index } of text.matchAll(/^---.*$/gm)) {
    found.push(part(text.slice(start, index), line));
    line += linesIn(text, start, index);
    start = index + text.slice(index).search(/$/m);
  }
  return [...found, part(text.slice(start), line)];
}

function part(text: string, firstLine: number): Part {
  try {
    const value = readPlainYaml(text, resolveScalar);
    return { text, firstLine, values: value === undefined ? [] : [value], problems: [] };
  } catch (error) {
    if (!(error instanceof NotPlain)) {
      throw error;
    }
    const full = new FullYaml(text, firstLine);
    return { text, firstLine, values: full.values, problems: full.problems, full };
  }
}

function linesIn(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) {
    lines += 1;
  }
  return lines;
}

/** Files parsed once in a run. With a boundary, a folder, none outside it is read, whatever links lead there. */
export class YamlFiles {
  readonly #files = new Map<string, Promise<YamlFile>>();
  readonly #held = new Map<string, boolean>();
  readonly #boundary: string | undefined;

  constructor(boundary?: string) {
    this.#boundary = boundary === undefined ? undefined : realpathSync(boundary);
  }

  /** Whether a file or folder is there, and inside the boundary. */
  holds(path: string): boolean {
    let held = this.#held.get(path);
    if (held === undefined) {
      held = this.#isInside(path);
      this.#held.set(path, held);
    }
    return held;
  }

  #isInside(path: string): boolean {
    try {
      const real = realpathSync(path);
      return this.#boundary === undefined || `${real}${sep}`.startsWith(`${this.#boundary}${sep}`);
    } catch {
      return false;
    }
  }

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

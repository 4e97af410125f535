import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  Scalar,
  stringify,
} from 'yaml';
import { CannotRun } from '../cli.ts';

/** The steps to a value: keys and indexes. */
export type YamlPath = (string | number)[];

/** Replaces the bytes from `start` up to `end`. */
type Edit = { start: number; end: number; text: string };

/**
 * The text with the string at the path replaced; each byte outside of that value stays. The quotes stay where they
 * still say the same.
 * @param file what an error calls the text
 * @throws {CannotRun} when there is no single value at the path, or others share it by an anchor
 */
export function withValue(text: string, path: YamlPath, value: string, file: string): string {
  const document = parsed(text, file);
  return applied(text, [valueEdit(document, text, path, value, file)], path, value, file);
}

/** The text with another key and value in the place of an entry of a map; each byte outside of the two stays. */
export function withEntry(text: string, path: YamlPath, key: string, value: string, file: string): string {
  const document = parsed(text, file);
  const { key: old } = entryAt(document, path, file);
  const [start, end] = rangeOf(old, path, file);
  const renamed: YamlPath = [...path.slice(0, -1), key];
  const edits = [{ start, end, text: key }, valueEdit(document, text, path, value, file)];
  return applied(text, edits, renamed, value, file);
}

/** The text without an entry of a block map that has a line of its own; what follows on that line goes with it. */
export function withoutEntry(text: string, path: YamlPath, file: string): string {
  const document = parsed(text, file);
  const { key, value } = entryAt(document, path, file);
  const [start] = rangeOf(key, path, file);
  const [, end] = rangeOf(value, path, file);
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const nextLine = text.indexOf('\n', end);
  if (text.slice(lineStart, start).trim() !== '') {
    throw new CannotRun(`${file}: ${shown(path)} shares its line with others: give it one of its own.`);
  }
  return text.slice(0, lineStart) + (nextLine < 0 ? '' : text.slice(nextLine + 1));
}

/**
 * The text with an item more at the end of a list of maps with an entry a line, in the form of the item before it. An
 * empty list, and one that is not there, becomes one; what stands around it stays.
 * @throws {CannotRun} when it is a list of another form
 */
export function withItem(text: string, list: string, item: Record<string, string>, file: string): string {
  const { contents } = parsed(text, file);
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const entry = (indent: string) =>
    stringify([item], { lineWidth: 0 }).trimEnd().replaceAll(/^/gm, indent).replaceAll('\n', newline);
  const items = isMap(contents)
    ? contents.items.find(({ key }) => isScalar(key) && key.value === list)?.value
    : undefined;
  const last = isSeq(items) ? items.items.at(-1) : undefined;
  if (isSeq(items) && isMap(last) && items.flow !== true) {
    const [start] = rangeOf(items, [list], file);
    const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1));
    return withLines(text, rangeOf(last, [list], file)[1], entry(indent), newline);
  }
  if (last !== undefined || isMap(items) || isAlias(items)) {
    throw new CannotRun(`${file}: ${list} is no list with an entry a line: write it as one.`);
  }
  if (isSeq(items) || isScalar(items)) {
    // Its brackets go, what is behind them stays.
    const [start, end] = rangeOf(items, [list], file);
    const isLineEnd = /^[ \t]*\r?(\n|$)/.test(text.slice(end));
    const kept = isLineEnd ? text.slice(0, start).trimEnd() : text.slice(0, start);
    return withLines(`${kept}${text.slice(end)}`, kept.length, entry('  '), newline);
  }
  const ended = text === '' || text.endsWith('\n') ? text : `${text}${newline}`;
  return `${ended}${list}:${newline}${entry('  ')}${newline}`;
}

/** Puts lines behind the line that a place is in; behind the line before where the place is a line's first. */
function withLines(text: string, place: number, lines: string, newline: string): string {
  if (text[place - 1] === '\n') {
    return `${text.slice(0, place)}${lines}${newline}${text.slice(place)}`;
  }
  const next = text.indexOf('\n', place);
  return next < 0
    ? `${text}${newline}${lines}${newline}`
    : `${text.slice(0, next + 1)}${lines}${newline}${text.slice(next + 1)}`;
}

function parsed(text: string, file: string): Document {
  const document = parseDocument(text, { keepSourceTokens: true });
  const [error] = document.errors;
  if (error !== undefined) {
    throw new CannotRun(`${file}: ${error.message.split('\n')[0]} Mend that, then run this again.`);
  }
  return document;
}

function valueEdit(document: Document, text: string, path: YamlPath, value: string, file: string): Edit {
  const node = document.getIn(path, true);
  if (isAlias(node) || (isScalar(node) && node.anchor !== undefined)) {
    throw new CannotRun(
      `${file}: ${shown(path)} is shared by an anchor: write the value out where it holds.`,
    );
  }
  if (!isScalar(node)) {
    throw new CannotRun(`${file}: ${shown(path)} is ${node === undefined ? 'missing' : 'no single value'}.`);
  }
  const [start, end] = rangeOf(node, path, file);
  const block = node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED;
  const space = start > 0 && /[:-]/.test(text[start - 1] ?? '') ? ' ' : '';
  const after = block ? '\n' : text[end] === '#' ? ' ' : '';
  return { start, end, text: `${space}${encoded(value, node)}${after}` };
}

/** In the quotes that the value before had, where there were some. */
function encoded(value: string, before: Scalar): string {
  if (before.type === Scalar.QUOTE_SINGLE && /^[ -~]*$/.test(value)) {
    return `'${value.replaceAll("'", "''")}'`;
  }
  return before.type === Scalar.QUOTE_DOUBLE || before.type === Scalar.QUOTE_SINGLE
    ? JSON.stringify(value)
    : plainOrQuoted(value);
}

/** Plain where it is then read as the same string, within a flow collection too. */
function plainOrQuoted(value: string): string {
  return /^[A-Za-z][\w./@-]*(?:[:+][\w./@-]+)*$/.test(value) && parseDocument(value).toJS() === value
    ? value
    : JSON.stringify(value);
}

function entryAt(document: Document, path: YamlPath, file: string): Pair {
  const map = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const entry = isMap(map)
    ? map.items.find(({ key }) => isScalar(key) && key.value === path.at(-1))
    : undefined;
  if (entry === undefined) {
    throw new CannotRun(`${file}: ${shown(path)} is missing.`);
  }
  return entry;
}

function rangeOf(node: unknown, path: YamlPath, file: string): [start: number, end: number] {
  const range = isScalar(node) || isCollection(node) ? node.range : undefined;
  if (!range) {
    throw new CannotRun(`${file}: ${shown(path)} has no place of its own: write it out.`);
  }
  return [range[0], range[1]];
}

/** Makes the edits, and makes sure that they did what they should: the file is what others deploy. */
function applied(text: string, edits: Edit[], path: YamlPath, value: string, file: string): string {
  const last = edits.toSorted((one, other) => other.start - one.start);
  const result = last.reduce((so, { start, end, text }) => so.slice(0, start) + text + so.slice(end), text);
  if (parsed(result, file).getIn(path) !== value) {
    throw new CannotRun(`${file}: ${shown(path)} cannot be set to ${value}: set it by hand.`);
  }
  return result;
}

/** `images[0].digest`. */
function shown(path: YamlPath): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('');
}

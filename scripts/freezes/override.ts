import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isCollection, isMap, isScalar, isSeq, parseDocument, stringify } from 'yaml';
import { writeWhole } from '../check/outputs.ts';
import { YamlFile } from '../check/yaml/yaml-files.ts';
import { CannotRun } from '../cli.ts';
import { freezesFile, type Override, parseFreezes, readFreezes } from './calendar.ts';
import { writeFrozen } from './sync-windows.ts';

/** How far ahead an override may end when it is written. */
export const longestOverride = 24 * 60 * 60_000;

/**
 * Adds an override to policies/freezes.yaml, of which every other byte stays, and makes the sync windows anew.
 * @returns the files that changed, relative to the root
 * @throws {CannotRun} when there is no such freeze, or the override does not say what it must
 */
export async function addOverride(
  root: string,
  override: Omit<Override, 'line'>,
  now: Date = new Date(),
): Promise<string[]> {
  const { freezes } = await readFreezes(root);
  const file = path.join(root, freezesFile);
  const cannot = (message: string) => new CannotRun(`${file} gets no override: ${message}.`);
  const freeze = freezes.find(({ name }) => name === override.freeze);
  if (freeze === undefined) {
    const names = freezes.map(({ name }) => name).join(', ') || 'none';
    throw cannot(`no freeze is called ${override.freeze}; there is ${names}`);
  }
  const ahead = override.until.getTime() - now.getTime();
  if (!(ahead > 0 && ahead <= longestOverride)) {
    throw cannot('until must be later than now, and at most 24 hours: give a time between');
  }
  const before = await readFile(file, 'utf8');
  const after = withOverride(before, override);
  // What else is wrong with it, the format says: nothing that it refuses is written.
  const { freezes: read, problems } = parseFreezes(new YamlFile(freezesFile, after));
  if (problems[0] !== undefined) {
    throw cannot(problems[0].message);
  }
  const written = read.overrides.map(({ line: _, ...said }) => said).at(-1);
  if (!isDeepStrictEqual(written, override)) {
    throw cannot('where it would go cannot be told; write it by hand');
  }
  await writeWhole(file, after);
  return [freezesFile, ...(await writeFrozen(root))];
}

/** The text with an override behind those that it has. */
export function withOverride(text: string, override: Omit<Override, 'line'>): string {
  const { freeze, environment, owner, reason, until } = override;
  const entry = { freeze, environment, owner, reason, until: until.toISOString().replace('.000Z', 'Z') };
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const item = (indent: string) =>
    stringify([entry], { lineWidth: 0 }).trimEnd().replaceAll(/^/gm, indent).replaceAll('\n', newline);
  const contents = parseDocument(text).contents;
  const pair = isMap(contents)
    ? contents.items.find(({ key }) => isScalar(key) && key.value === 'overrides')
    : undefined;
  const list = pair?.value;
  const last = isSeq(list) ? list.items.at(-1) : undefined;
  if (isSeq(list) && list.flow && last !== undefined) {
    const end = endOf(last);
    return `${text.slice(0, end)}, ${JSON.stringify(entry)}${text.slice(end)}`;
  }
  if (isSeq(list) && last !== undefined) {
    const start = list.range?.[0] ?? 0;
    const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1));
    return insertLine(text, endOf(last), item(indent), newline);
  }
  if (isCollection(list) || isScalar(list)) {
    // An empty list: its brackets go, what is behind them stays.
    const [start = 0, end = 0] = list.range ?? [];
    const isLineEnd = /^[ \t]*\r?(\n|$)/.test(text.slice(end));
    const kept = isLineEnd ? text.slice(0, start).trimEnd() : text.slice(0, start);
    return insertLine(`${kept}${text.slice(end)}`, kept.length, item('  '), newline);
  }
  const ended = text === '' || text.endsWith('\n') ? text : `${text}${newline}`;
  return `${ended}overrides:${newline}${item('  ')}${newline}`;
}

function endOf(node: unknown): number {
  return isCollection(node) || isScalar(node) ? (node.range?.[1] ?? 0) : 0;
}

/** Puts lines behind the line that a place is in; behind the line before where the place is a line's first. */
function insertLine(text: string, place: number, lines: string, newline: string): string {
  if (text[place - 1] === '\n') {
    return `${text.slice(0, place)}${lines}${newline}${text.slice(place)}`;
  }
  const next = text.indexOf('\n', place);
  return next < 0
    ? `${text}${newline}${lines}${newline}`
    : `${text.slice(0, next + 1)}${lines}${newline}${text.slice(next + 1)}`;
}

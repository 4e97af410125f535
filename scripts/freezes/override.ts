import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isCollection, isSeq, parseDocument } from 'yaml';
import { writeWhole } from '../check/outputs.ts';
import { YamlFile } from '../check/yaml/yaml-files.ts';
import { CannotRun } from '../cli.ts';
import { withItem } from '../release/yaml-edit.ts';
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
  const list = parseDocument(text).get('overrides', true);
  const last = isSeq(list) && list.flow === true ? list.items.at(-1) : undefined;
  if (isCollection(last) && last.range) {
    const [, end] = last.range;
    return `${text.slice(0, end)}, ${JSON.stringify(entry)}${text.slice(end)}`;
  }
  return withItem(text, 'overrides', entry, freezesFile);
}

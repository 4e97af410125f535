import { rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import { type FormatName, formats, isFormatName } from './formats/formats.ts';

/** A format and the file it goes to, besides what goes to standard output. */
export type Output = { format: FormatName; file: string };

/** @throws {CannotRun} when there is no such format */
export function formatNamed(name: string): FormatName {
  if (!isFormatName(name)) {
    throw new CannotRun(`there is no format "${name}": give one of ${Object.keys(formats).join(', ')}.`);
  }
  return name;
}

/**
 * Reads `NAME=FILE` of --output.
 * @throws {CannotRun} when it is not of that form, or there is no such format
 */
export function outputNamed(text: string): Output {
  const [, name = '', file = ''] = /^([^=]*)=(.+)$/s.exec(text) ?? [];
  if (file === '') {
    throw new CannotRun(`--output takes NAME=FILE, such as sarif=check.sarif, not "${text}".`);
  }
  return { format: formatNamed(name), file };
}

/**
 * Writes a file whole or not at all: a reader never sees the half of it.
 * @throws {CannotRun} when it cannot be written; what was there before stays
 */
export async function writeWhole(file: string, text: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  // A device or a pipe takes the text as it comes; a rename would put a file in its place.
  const direct = found !== undefined && !found.isFile();
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}`);
  try {
    await writeFile(direct ? file : temporary, text);
    if (!direct) {
      await rename(temporary, file);
    }
  } catch (error) {
    await rm(temporary, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    throw new CannotRun(`${file} cannot be written (${code}): its folder must exist and be writable.`);
  }
}

import { rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CannotRun } from '../cli.ts';

/** A format and the file it goes to, besides what goes to standard output. */
export type Output<T> = { format: keyof T & string; file: string };

/**
 * The format that goes to standard output: what --format and --json say, undefined where neither does.
 * @throws {CannotRun} when they say two, or there is no such format
 */
export function formatAsked<T extends object>(
  formats: T & { json: unknown },
  format: string | undefined,
  json: boolean,
): (keyof T & string) | 'json' | undefined {
  if (json && format !== undefined && format !== 'json') {
    throw new CannotRun(`--json is --format json: leave one of --json and --format ${format} away.`);
  }
  return json ? 'json' : format === undefined ? undefined : formatNamed(formats, format);
}

function formatNamed<T extends object>(formats: T, name: string): keyof T & string {
  if (!Object.hasOwn(formats, name)) {
    throw new CannotRun(`there is no format "${name}": give one of ${Object.keys(formats).join(', ')}.`);
  }
  return name as keyof T & string;
}

/**
 * Reads `NAME=FILE` of --output.
 * @throws {CannotRun} when it is not of that form, or there is no such format
 */
export function outputNamed<T extends object>(formats: T, text: string, example: string): Output<T> {
  const [, name = '', file = ''] = /^([^=]*)=(.+)$/s.exec(text) ?? [];
  if (file === '') {
    throw new CannotRun(`--output takes NAME=FILE, such as ${example}, not "${text}".`);
  }
  return { format: formatNamed(formats, name), file };
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

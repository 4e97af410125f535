import { stripVTControlCharacters } from 'node:util';

/**
 * A text of a manifest made safe to print: without escape sequences, with a visible sign for control characters and
 * for those that turn the direction of writing. Line feeds and tabs stay.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text.replaceAll('\r\n', '\n')).replace(hidden, '\ufffd');
}

const hidden = /(?![\t\n])[\p{Cc}\u202a-\u202e\u2066-\u2069\p{Cs}]/gu;

import { stripVTControlCharacters, styleText } from 'node:util';

/** A table for a terminal: columns as wide as their widest cell, two spaces between them. */
export function columns(rows: string[][]): string[] {
  const width = (cell: string) => stripVTControlCharacters(cell).length;
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => width(row[column] ?? '')))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd(),
  );
}

/** Green where it is good, else yellow, where standard output takes colours. */
export function colour(text: string, good: boolean): string {
  return styleText(good ? 'green' : 'yellow', text, { stream: process.stdout });
}

/** The text, its end given away where it is longer. */
export function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** A length of time by its largest unit, rounded down: `3d`, `2h`, `41s`. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const [unit, size] = (
    [
      ['d', 86_400],
      ['h', 3600],
      ['m', 60],
    ] as const
  ).find(([, length]) => seconds >= length) ?? ['s', 1];
  return `${Math.floor(seconds / size)}${unit}`;
}

import { github } from './github.ts';
import { json } from './json.ts';
import type { Judged } from './judged.ts';
import { junit } from './junit.ts';
import { markdown } from './markdown.ts';
import { sarif } from './sarif.ts';
import { terminal } from './terminal.ts';

/** Every format, by the name that --format and --output take. Text without a line feed at its end. */
export const formats = {
  terminal: (judged: Judged) => terminal(judged),
  json,
  sarif,
  junit,
  github,
  markdown,
} satisfies Record<string, (judged: Judged) => string>;

export type FormatName = keyof typeof formats;

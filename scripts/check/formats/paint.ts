import { styleText } from 'node:util';

/** Gives a text a style, or leaves it as it is where there is no colour. */
export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** What colours a text, or leaves it as it is where there are no colours. */
export function painter(colours: boolean): Paint {
  return (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text);
}

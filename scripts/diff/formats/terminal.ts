import { type Paint, painter } from '../../check/formats/paint.ts';
import type { Impact } from '../impacts/impact.ts';
import type { Difference } from '../model.ts';
import { headline, type Line, partLines } from './lines.ts';
import { acknowledgementLines, howToAcknowledge, summary } from './summary.ts';

const colourOf: Record<Impact, Parameters<Paint>[0]> = {
  none: 'gray',
  config: 'cyan',
  network: 'blue',
  'scale-up': 'green',
  'scale-down': 'yellow',
  rollout: 'yellow',
  immutable: 'red',
  data: ['red', 'bold'],
};

const colourOfSign: Record<Line['sign'], Parameters<Paint>[0] | undefined> = {
  '+': 'green',
  '-': 'red',
  '~': undefined,
  '!': 'red',
  ' ': 'gray',
};

/** For a reader: a heading for each part with its heaviest impact, then its objects and their fields. */
export function terminalDifference(difference: Difference, colours: boolean): string {
  const paint = painter(colours);
  const parts = difference.parts.map((part) =>
    [
      paint(['bold', 'underline'], headline(part)),
      ...partLines(part).map((line) => painted(line, paint)),
    ].join('\n'),
  );
  const open = acknowledgementLines(difference);
  const missing =
    open.length === 0
      ? []
      : [[howToAcknowledge, ...open.map((line) => paint('red', `  ${line}`))].join('\n')];
  return [...parts, summary(difference), ...missing].join('\n\n');
}

function painted({ sign, text, impact }: Line, paint: Paint): string {
  const style = impact === undefined ? colourOfSign[sign] : colourOf[impact];
  const line = `${sign} ${text}`.trimEnd();
  return style === undefined ? line : paint(style, line);
}

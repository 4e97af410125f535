import { type Paint, painter } from '../check/formats/paint.ts';
import type { Difference, Parity } from './model.ts';
import { compared, fieldTitle, objectTitle, shownPlace, valueInWords, verdict } from './words.ts';

const gap = 2;
const mostLines = 4;

/** A table for a reader, grouped by object: a row a field, a column an environment, below each value who says it. */
export function terminal(parity: Parity, colours: boolean, width: number): string {
  const paint = painter(colours);
  const names = parity.environments.map(({ name }) => name);
  const widths = columnWidths(parity, names, width);
  const head = line(['  FIELD', ...names.map((name) => name.toUpperCase())], widths);
  const byObject = Map.groupBy(parity.differences, objectTitle);
  const groups = [...byObject].flatMap(([title, differences]) => [
    '',
    paint('bold', title),
    ...differences.flatMap((difference) => row(difference, names, widths, paint)),
  ]);
  const isFine = parity.differences.every(({ intended }) => intended);
  return [
    compared(parity),
    ...(groups.length === 0 ? [] : ['', paint('bold', head)]),
    ...groups,
    '',
    paint(isFine ? 'green' : 'red', `${isFine ? '✓' : '✗'} ${verdict(parity)}`),
  ].join('\n');
}

function columnWidths({ differences }: Parity, names: string[], width: number): number[] {
  const longest = (texts: string[]) => Math.max(...texts.map((text) => text.length), 0);
  const field = Math.min(longest(differences.map(fieldTitle)) + gap, Math.max(28, Math.floor(width * 0.33)));
  const room = Math.floor((width - field) / names.length) - gap;
  return [
    field,
    ...names.map((name) => {
      const cells = differences.flatMap((difference) => [
        valueInWords(difference.standings[name]),
        shownPlace(difference, name) ?? '',
      ]);
      return Math.min(longest([name, ...cells]), Math.max(12, room));
    }),
  ];
}

function row(difference: Difference, names: string[], widths: number[], paint: Paint): string[] {
  const { intended } = difference;
  const [field = 0, ...columns] = widths;
  const title = folded(fieldTitle(difference), field - gap).map(
    (part, index) => `${index === 0 && !intended ? '✗ ' : '  '}${part}`,
  );
  const cells = names.map((name, index) => {
    const place = shownPlace(difference, name);
    const width = columns[index] ?? 0;
    return {
      value: folded(valueInWords(difference.standings[name]), width),
      place: place === undefined ? [] : folded(place, width),
    };
  });
  const under = intended ? [] : ['  no overlay says so'];
  const left = [...title, ...under];
  const height = Math.max(left.length, ...cells.map(({ value, place }) => value.length + place.length));
  return Array.from({ length: height }, (_, at) => {
    const texts = [
      left[at] ?? '',
      ...cells.map(({ value, place }) => value[at] ?? place[at - value.length] ?? ''),
    ];
    const styles = cells.map(({ value }) => at >= value.length);
    return texts
      .map((text, index) => {
        const padded = text.padEnd(widths[index] ?? 0);
        const isDim = index > 0 && styles[index - 1] === true;
        return isDim ? paint('dim', padded) : index === 0 && !intended ? paint('red', padded) : padded;
      })
      .join(' '.repeat(gap))
      .trimEnd();
  });
}

function line(cells: string[], widths: number[]): string {
  return cells
    .map((cell, index) => cell.padEnd(widths[index] ?? 0))
    .join(' '.repeat(gap))
    .trimEnd();
}

/** A text in lines of at most `width`, cut behind a sign where one is near; what is longer than four lines is cut off. */
function folded(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const near = rest.slice(0, width).search(/[^\w](?=\w*$)/) + 1;
    const cut = near > width / 2 ? near : width;
    lines.push(rest.slice(0, cut).trimEnd());
    rest = rest.slice(cut).trimStart();
  }
  lines.push(rest);
  return lines.length > mostLines
    ? [...lines.slice(0, mostLines - 1), `${(lines[mostLines - 1] ?? '').slice(0, width - 1)}…`]
    : lines;
}

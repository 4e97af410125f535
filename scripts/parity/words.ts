import { printable } from '../check/formats/printable.ts';
import type { Place } from '../check/model.ts';
import type { Difference, Parity, Standing } from './model.ts';

/** An object as a heading. */
export function objectTitle({ object }: Difference): string {
  const { kind, name, group, namespace } = object;
  const where = namespace === '' ? '' : ` in ${namespace}`;
  return printable(`${kind} ${name}${where}${group === '' ? '' : ` (${group})`}`);
}

/** The field of a difference. */
export function fieldTitle({ path }: Difference): string {
  return path === '' ? 'the object itself' : printable(path);
}

/** A value in one line, as YAML would have it where that is plain, digests shortened; `-` where there is none. */
export function valueInWords(standing: Standing | undefined): string {
  const value = standing?.value;
  if (value === undefined) {
    return '-';
  }
  const isPlain =
    typeof value === 'string' &&
    /^[^\s"'[{][^\n]*$/.test(value) &&
    !/^(-|[\d.]+|true|false|null)$/.test(value);
  return printable(isPlain ? value : JSON.stringify(value)).replace(/(sha256:[0-9a-f]{12})[0-9a-f]+/g, '$1…');
}

/** A place, within the overlay of the environment where it is in that. */
function placeInWords({ file, line }: Place, environment: string): string {
  const overlay = `overlays/${environment}/`;
  return printable(`${file.startsWith(overlay) ? file.slice(overlay.length) : file}:${line ?? 1}`);
}

/** The place to show below a value: what an overlay says, and in a difference that nobody intends what it comes from. */
export function shownPlace({ standings, intended }: Difference, environment: string): string | undefined {
  const { place, overlay = false } = standings[environment] ?? {};
  return place === undefined || (intended && !overlay) ? undefined : placeInWords(place, environment);
}

/** What is compared. */
export function compared({ environments }: Parity): string {
  return environments
    .map(({ name, namespace }) => `${name} (${namespace === '' ? 'no namespace' : `namespace ${namespace}`})`)
    .join(', ');
}

/** How it ends. */
export function verdict({ differences, objects }: Parity): string {
  const unintended = differences.filter(({ intended }) => !intended).length;
  const found = `${differences.length} ${differences.length === 1 ? 'difference' : 'differences'} in ${objects} objects`;
  if (differences.length === 0) {
    return `nothing differs in ${objects} objects`;
  }
  return unintended === 0
    ? `${found}, and an overlay says each`
    : `${found}, of which no overlay explains ${unintended}`;
}

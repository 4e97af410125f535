import { trailer } from '../../check/data/acknowledgements.ts';
import { printable } from '../../check/formats/printable.ts';
import { cluster, type Difference } from '../model.ts';
import { count } from './lines.ts';

/** What changes in all: `dev (abc) → the working tree: 3 objects in dev and prod; the heaviest impact is rollout`. */
export function summary({ from, to, parts, impact }: Difference): string {
  const objects = parts.reduce((sum, part) => sum + part.objects.length, 0);
  const sides = `${from} → ${to}`;
  return printable(
    parts.length === 0
      ? `${sides}: nothing changes${from === cluster ? ' in the environments, which is what is compared with it' : ' of what is deployed'}`
      : `${sides}: ${count(objects, 'object')} in ${parts.map(({ name }) => name).join(', ')}; the heaviest impact is ${impact}`,
  );
}

/** A line for each impact that no commit acknowledges: what the commit's message must say. */
export function acknowledgementLines({ unacknowledged }: Difference): string[] {
  const keys = Map.groupBy(unacknowledged, ({ key }) => key);
  return [...keys].map(([key, all]) => {
    const where = all.map(({ part }) => part).join(', ');
    return printable(`${trailer}: ${key}: WHY   (${all[0]?.impact ?? ''}, ${where})`).replaceAll('\n', ' ');
  });
}

export const howToAcknowledge = "Where it is meant, say so in a commit's message, each with its reason:";

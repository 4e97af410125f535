import path from 'node:path';
import {
  type ActiveFreeze,
  activeFreezes,
  type Freezes,
  freezesFile,
  parseFreezes,
} from '../../freezes/calendar.ts';
import { type Comparison, type EnvironmentBefore, environmentOf } from '../before.ts';
import { kustomizationFile } from '../kustomization.ts';
import { type Finding, noObject } from '../model.ts';
import { gitOutput, type Origin } from '../origin.ts';
import type { Render } from '../render.ts';
import { YamlFile } from '../yaml/yaml-files.ts';

type FreezeFinding = Omit<Finding, 'severity'> & { rule: 'freeze' };

/**
 * What a change does to environments that are frozen. By the origin's calendar too: who takes a freeze away has not
 * overridden it for what comes in the same change.
 */
export async function freezeFindings(
  { origin, isUnchanged, before }: Comparison,
  freezes: Freezes,
  renders: Render[],
  now: Date,
): Promise<FreezeFinding[]> {
  if (isUnchanged) {
    return [];
  }
  const earlier = await freezesAt(origin);
  const { overrides } = freezes;
  const all = { freezes: [...freezes.freezes, ...earlier.freezes], overrides };
  const frozen = renders.flatMap((render) => {
    const { role, environment } = render.target;
    const [active] = role === 'environment' ? activeFreezes(all, environment, now) : [];
    return active === undefined ? [] : [{ render, active }];
  });
  const then = frozen.length === 0 ? undefined : (await before())?.environments;
  return frozen.flatMap(({ render, active }): FreezeFinding[] => {
    const { environment } = render.target;
    // Of an environment that did not render, then or now, nothing is known; a new one has all of it changed.
    const was =
      then === undefined ? null : environment in then ? then[environment] : { objects: {}, images: [] };
    const is = environmentOf(render);
    const changed = was && is ? changedObjects(was, is) : [];
    return changed.length === 0
      ? []
      : [
          {
            rule: 'freeze',
            environment,
            object: noObject,
            ...placeOf(render),
            message: sentence(environment, active, changed),
          },
        ];
  });
}

/** The freezes that the origin knows; what cannot be read has none. */
async function freezesAt({ root, commit }: Origin): Promise<Freezes> {
  const text = await gitOutput(root, 'show', `${commit}:./${freezesFile}`);
  return parseFreezes(new YamlFile(freezesFile, text ?? '')).freezes;
}

function changedObjects(was: EnvironmentBefore, is: EnvironmentBefore): string[] {
  const keys = new Set([...Object.keys(was.objects), ...Object.keys(is.objects)]);
  return [...keys].filter((key) => was.objects[key] !== is.objects[key]).sort();
}

function placeOf({ target }: Render): { file: string } {
  const dir = 'dir' in target ? target.dir : target.file;
  return { file: kustomizationFile(dir) ?? path.join(dir, 'kustomization.yaml') };
}

function sentence(environment: string, { name, reason, until }: ActiveFreeze, changed: string[]): string {
  const [first = '', ...more] = changed;
  const what = more.length === 0 ? first : `${first} and ${more.length} more`;
  const end = until.toISOString().replace('.000Z', 'Z');
  return (
    `${environment} is frozen until ${end} by ${name} (${reason}), and this changes ${what}: wait, or let it through ` +
    `with an entry under overrides in ${freezesFile}`
  );
}

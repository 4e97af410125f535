import path from 'node:path';
import { type JsonMap, type Place, type RenderedObject, valueAt } from '../check/model.ts';
import { YamlFiles } from '../check/yaml/yaml-files.ts';
import { Concealer, shownValue } from '../diff/secrets.ts';
import { type RenderedEnvironment, readEnvironments } from './environments.ts';
import { type FieldDifference, fieldDifferences, type Slot } from './fields.ts';
import { isIntended, type Voice, Voices } from './intent.ts';
import { type Matched, matchObjects } from './matching.ts';
import { type Difference, isThere, type Parity, type Standing } from './model.ts';

/**
 * What differs between the environments of the repository at `root`, or between those that are named, and whether
 * their overlays say so.
 * @throws {CannotRun} when one does not render, is not there, or there are no two
 */
export async function parity(
  root: string,
  names: string[],
  progress: (line: string) => void,
): Promise<Parity> {
  const files = new YamlFiles(root);
  const environments = await readEnvironments(root, names, files, progress);
  const matched = matchObjects(environments).sort(byIdentity);
  const comparison = { root, environments, voices: new Voices(environments, files) };
  const differences = await Promise.all(matched.map((one) => objectDifferences(one, comparison)));
  return {
    environments: environments.map(({ name, namespace }) => ({ name, namespace })),
    objects: matched.length,
    differences: differences.flat(),
  };
}

type Comparison = { root: string; environments: RenderedEnvironment[]; voices: Voices };

function byIdentity({ identity: one }: Matched, { identity: other }: Matched): number {
  const key = ({ kind, name, group, namespace }: Matched['identity']) =>
    [kind, name, group, namespace].join('\0');
  return key(one) < key(other) ? -1 : 1;
}

async function objectDifferences(matched: Matched, comparison: Comparison): Promise<Difference[]> {
  const { identity, instances } = matched;
  const having = comparison.environments.flatMap((environment) => {
    const instance = instances.get(environment.name);
    return instance === undefined ? [] : [{ environment, ...instance }];
  });
  const whole = having.length === comparison.environments.length ? [] : [await presence(matched, comparison)];
  const fields = fieldDifferences(having.map(({ comparable }) => comparable));
  const differences = fields.map((field) => fieldDifference(identity, field, having, comparison));
  return [...whole, ...(await Promise.all(differences))];
}

async function presence(
  { identity, instances }: Matched,
  { root, environments, voices }: Comparison,
): Promise<Difference> {
  const [elsewhere] = instances.values();
  const found = environments.map(async (environment) => {
    const own = instances.get(environment.name)?.object;
    const voice =
      own !== undefined
        ? await voices.ofPresence(environment, own)
        : elsewhere === undefined
          ? ({ by: 'all' } as const)
          : await voices.ofAbsence(environment, elsewhere.object);
    return { environment, voice, value: own && isThere };
  });
  const statements = await Promise.all(found);
  const intended = isIntended(statements);
  const standings = statements.map(({ environment, voice, value }) => [
    environment.name,
    standing(root, voice, value, intended),
  ]);
  return { object: identity, path: '', standings: Object.fromEntries(standings), intended };
}

type Having = { environment: RenderedEnvironment; object: RenderedObject; comparable: JsonMap };

async function fieldDifference(
  identity: Matched['identity'],
  field: FieldDifference,
  having: Having[],
  { root, voices }: Comparison,
): Promise<Difference> {
  const judge = async ({ slots }: FieldDifference) => {
    const said = slots.map(async (slot, index) => {
      const { environment, object } = having[index] as Having;
      return { environment, voice: await voices.ofField(environment, object, slot), value: slot.value };
    });
    const statements = await Promise.all(said);
    return { statements, intended: isIntended(statements) };
  };
  const judged = await Promise.all((field.leaves.length > 0 ? field.leaves : [field]).map(judge));
  const shown = judged.find(({ intended }) => !intended) ?? judged[0];
  const intended = judged.every((leaf) => leaf.intended);
  const standings = having.map(({ environment, object }, index) => {
    const value = valueIn(object, field.slots[index] as Slot);
    const voice = shown?.statements[index]?.voice ?? { by: 'all' };
    return [environment.name, standing(root, voice, value, intended)];
  });
  return {
    object: identity,
    path: field.label.replace(/^\./, ''),
    standings: Object.fromEntries(standings),
    intended,
  };
}

/** The value as the environment has it, a name without its hash, and no secret. */
function valueIn({ value: object }: RenderedObject, { path, value }: Slot): Standing['value'] {
  if (value === undefined || path.join('.') === 'metadata.name') {
    return value;
  }
  return shownValue(valueAt(new Concealer().conceal(object), path) ?? value);
}

/** Where nobody intends it, what sets the value is what to look at, and not who lists that. */
function standing(
  root: string,
  { by, place: said, from }: Voice,
  value: Standing['value'],
  intended: boolean,
): Standing {
  const place = intended ? said : from;
  return {
    ...(value !== undefined && { value }),
    ...(place !== undefined && { place: relative(root, place) }),
    overlay: by === 'overlay' || (by === 'some' && intended),
  };
}

function relative(root: string, { file, line }: Place): Place {
  return { file: path.relative(root, file), ...(line !== undefined && { line }) };
}

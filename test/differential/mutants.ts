import { judge, type Surroundings } from '../../scripts/check/admission/judge.ts';
import type { Request } from '../../scripts/check/admission/match.ts';
import type { Policy } from '../../scripts/check/admission/policy.ts';
import { type FieldPath, isMap, type Json, type JsonMap } from '../../scripts/check/model.ts';

/** An object with one field changed. */
export type Mutant = { what: string; value: JsonMap };

export const absent: unique symbol = Symbol('absent');
export type Absent = typeof absent;

/** What any field may be changed to: absent, null, what is empty, the edges of numbers, and values of other types. */
const anything: (Json | Absent)[] = [
  absent,
  null,
  true,
  false,
  '',
  'x',
  '0',
  '0%',
  '50%',
  '100%',
  -1,
  0,
  1,
  2,
  3,
  1.5,
  [],
  [{}],
  {},
];

/** An object with every field that a policy asks for changed to anything, and to each literal of that policy. */
export function mutantsOf(
  object: JsonMap,
  request: Request,
  policies: Policy[],
  surroundings: Surroundings,
): Mutant[] {
  const fields = new Map<string, { path: FieldPath; policies: Set<Policy> }>();
  judge(policies, request, {
    ...surroundings,
    onRead: (policy, path) => {
      const field = fields.get(JSON.stringify(path)) ?? { path, policies: new Set() };
      fields.set(JSON.stringify(path), field);
      field.policies.add(policy);
    },
  });
  const { id } = request.object;
  // The API server takes these from the URL.
  fields.delete('["kind"]');
  fields.delete('["apiVersion"]');
  return [...fields.values()].flatMap(({ path, policies: readers }) => {
    const values = new Map<string, Json | Absent>();
    for (const candidate of [...anything, ...[...readers].flatMap(literals)]) {
      values.set(shown(candidate), candidate);
    }
    return [...values].map(([name, candidate]) => ({
      what: `${id.kind} ${path.join('.')}: ${name}`,
      value: changed(object, path, candidate) as JsonMap,
    }));
  });
}

/** The strings and numbers in a policy's expressions. */
function literals({ validations, variables }: Policy): (string | number)[] {
  const sources = [...validations.map(({ expression }) => expression), ...variables.values()].map(
    ({ source }) => source,
  );
  return sources.flatMap((source) => [
    ...[...source.matchAll(/'([^']*)'/g)].map(([, text]) => text ?? ''),
    ...[...source.matchAll(/\b\d+\b/g)].map(([digits]) => Number(digits)),
  ]);
}

export function shown(value: Json | Absent): string {
  return value === absent ? 'absent' : JSON.stringify(value);
}

export function changed(value: Json | undefined, path: FieldPath, to: Json | Absent): Json {
  const [step, ...rest] = path;
  if (step === undefined) {
    return to === absent ? null : to;
  }
  const gone = rest.length === 0 && to === absent;
  if (Array.isArray(value) && typeof step === 'number') {
    return gone
      ? value.filter((_, index) => index !== step)
      : value.map((item, index) => (index === step ? changed(item, rest, to) : item));
  }
  const { [step]: field, ...others } = isMap(value) ? value : {};
  return gone ? others : { ...others, [step]: changed(field, rest, to) };
}

import { keyOf } from '../check/data/holdings.ts';
import type { Impact as DataImpact } from '../check/data/impacts.ts';
import { Graph } from '../check/graph/graph.ts';
import type { RenderedObject } from '../check/model.ts';
import { grave, heaviest } from './impacts/impact.ts';
import type { Difference, Note, ObjectDifference, PartDifference } from './model.ts';
import { objectDifference } from './objects.ts';
import { pairs } from './pairs.ts';
import { Concealer } from './secrets.ts';
import type { Part } from './trees.ts';

type State = { name: string; parts: Part[] };

/** What else is known of the change: what it does to data, and what of that its commits accept, by object. */
export type Known = { data: DataImpact[]; accepted: (string | undefined)[]; concealer?: Concealer };

/** What two states of a repository differ in. */
export function compare(
  from: State,
  to: State,
  { data, accepted, concealer = new Concealer() }: Known,
): Difference {
  const isAcknowledged = (key: string) => accepted.includes(key);
  const told = new Set<DataImpact>();
  const notesIn = (part: Part) => (object: RenderedObject) =>
    data
      .filter((impact) => isOn(impact, part, object))
      .map((impact): Note => {
        told.add(impact);
        return { impact: 'data', rule: 'data-removed', message: impact.message };
      });
  const both = [...new Set([...to.parts, ...from.parts].map(({ name }) => name))];
  const compared = both.flatMap((name): PartDifference[] => {
    const [was, is] = [from, to].map(({ parts }) => parts.find((part) => part.name === name));
    const part = is ?? was;
    if (part === undefined) {
      return [];
    }
    const surroundings = {
      role: part.role,
      graph: is && new Graph(is.target, is.objects),
      concealer,
      notesOn: notesIn(part),
      isAcknowledged,
    };
    const all = pairs(was?.objects ?? [], is?.objects ?? []);
    const objects = all.flatMap((pair) => objectDifference(pair, surroundings) ?? []);
    const state = was === undefined ? 'added' : is === undefined ? 'removed' : 'changed';
    const notes = state === 'removed' && part.role === 'environment' ? [gone] : [];
    return [
      partDifference(name, part.target.environment, state, objects, all.length - objects.length, notes),
    ];
  });
  const parts = withUntold(
    compared,
    data.filter((impact) => !told.has(impact)),
    isAcknowledged,
  ).filter(({ objects, state }) => objects.length > 0 || state !== 'changed');
  return {
    from: from.name,
    to: to.name,
    impact: heaviest(parts.map(({ impact }) => impact)),
    parts,
    unacknowledged: parts.flatMap((part) => unacknowledged(part, isAcknowledged)),
  };
}

const gone: Note = {
  impact: 'data',
  rule: 'environment-removed',
  message: 'the environment is in Git no more',
};

function partDifference(
  name: string,
  environment: string,
  state: PartDifference['state'],
  objects: ObjectDifference[],
  unchanged: number,
  notes: Note[],
): PartDifference {
  const impact = heaviest([...objects, ...notes].map((one) => one.impact));
  return { name, environment, state, impact, objects, unchanged, notes };
}

function isOn({ id, environment }: DataImpact, { role, target }: Part, object: RenderedObject): boolean {
  return (
    id.kind === object.id.kind &&
    id.name === object.id.name &&
    (id.namespace === object.id.namespace || object.id.namespace === '') &&
    (role === 'apps' || target.environment === environment)
  );
}

/** What a change does to an object that is the same on both sides: its Application goes elsewhere with it. */
function withUntold(
  parts: PartDifference[],
  untold: DataImpact[],
  isAcknowledged: (key: string) => boolean,
): PartDifference[] {
  return parts.map((part) => {
    const own = untold.filter(
      ({ environment }) => part.environment !== '' && environment === part.environment,
    );
    const objects = own.map(({ id, message }): ObjectDifference => {
      const key = keyOf(id);
      const notes: Note[] = [{ impact: 'data', rule: 'data-removed', message }];
      const acknowledged = isAcknowledged(key);
      return {
        key,
        apiVersion: '',
        ...id,
        state: 'changed',
        impact: 'data',
        acknowledged,
        fields: [],
        notes,
      };
    });
    return own.length === 0
      ? part
      : partDifference(
          part.name,
          part.environment,
          part.state,
          [...part.objects, ...objects],
          part.unchanged - objects.length,
          part.notes,
        );
  });
}

function unacknowledged(
  part: PartDifference,
  isAcknowledged: (key: string) => boolean,
): Difference['unacknowledged'] {
  const own = part.objects.filter(({ impact }) => grave.includes(impact));
  const open = own
    .filter(({ acknowledged }) => !acknowledged)
    .map(({ key, impact }) => ({ key, part: part.name, impact }));
  // Where an environment held data, each object that did says more than the environment would.
  const whole = `Environment/${part.name}`;
  const isOpen = part.notes.includes(gone) && own.length === 0 && !isAcknowledged(whole);
  return isOpen ? [{ key: whole, part: part.name, impact: 'data' }] : open;
}

import { keyOf } from '../check/data/holdings.ts';
import { Graph } from '../check/graph/graph.ts';
import type { ObjectId, RenderedObject } from '../check/model.ts';
import { grave, heaviest } from './impacts/impact.ts';
import type { Difference, Note, ObjectDifference, PartDifference } from './model.ts';
import { objectDifference } from './objects.ts';
import { pairs } from './pairs.ts';
import { Concealer } from './secrets.ts';
import type { Part } from './trees.ts';

type State = { name: string; parts: Part[] };

/** What is known of what happens to an object of an environment, besides what its fields say. */
export type Said = { id: ObjectId; environment: string; note: Note };

/** What else is known of the change, and what of it its commits accept, by object. */
export type Known = { said: Said[]; accepted: (string | undefined)[]; concealer?: Concealer };

/** What two states of a repository differ in. */
export function compare(
  from: State,
  to: State,
  { said, accepted, concealer = new Concealer() }: Known,
): Difference {
  const isAcknowledged = (key: string) => accepted.includes(key);
  const told = new Set<Said>();
  const notesIn = (part: Part) => (object: RenderedObject) =>
    said
      .filter((one) => isOn(one, part, object))
      .map((one): Note => {
        told.add(one);
        return one.note;
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
    said.filter((one) => !told.has(one)),
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

function isOn({ id, environment }: Said, { role, target }: Part, object: RenderedObject): boolean {
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
  untold: Said[],
  isAcknowledged: (key: string) => boolean,
): PartDifference[] {
  const placeOf = ({ environment }: Said) =>
    parts.find((part) => part.environment === environment && environment !== '') ?? parts[0];
  return parts.map((part) => {
    const own = untold.filter((one) => placeOf(one) === part);
    const objects = own.map(({ id, note }): ObjectDifference => {
      const key = keyOf(id);
      const { impact } = note;
      const acknowledged = isAcknowledged(key);
      return {
        key,
        apiVersion: '',
        ...id,
        state: 'changed',
        impact,
        acknowledged,
        fields: [],
        notes: [note],
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

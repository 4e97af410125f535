import { asAdmitted } from '../check/admission/defaults.ts';
import { keyOf } from '../check/data/holdings.ts';
import { type Graph, qualified } from '../check/graph/graph.ts';
import { scalerOf } from '../check/graph/scale.ts';
import { isMap, type Json, type RenderedObject, type Role } from '../check/model.ts';
import { type Change, fieldChanges, pathText } from './fields.ts';
import { ruleFor } from './impacts/classify.ts';
import { heaviest, type Subject } from './impacts/impact.ts';
import type { FieldDifference, Note, ObjectDifference } from './model.ts';
import { isGenerated, type Pair } from './pairs.ts';
import { readersAtStart } from './readers.ts';
import { type Concealer, shownValue } from './secrets.ts';

/** What of a rule's subject is the same for every field of an object. */
type Standing = Omit<Subject, 'change' | 'isSameAdmitted'>;

/** Where the objects of a pair are: what is said of them depends on it. */
export type Surroundings = {
  role: Role;
  /** The objects on the second side, undefined where there is none. */
  graph: Graph | undefined;
  concealer: Concealer;
  /** What besides is known of what happens to an object. */
  notesOn: (object: RenderedObject) => Note[];
  isAcknowledged: (key: string) => boolean;
};

/** What happens to an object; undefined where nothing does. */
export function objectDifference(pair: Pair, surroundings: Surroundings): ObjectDifference | undefined {
  const object = pair.is ?? pair.was;
  if (object === undefined) {
    return undefined;
  }
  const { role, graph, concealer, notesOn, isAcknowledged } = surroundings;
  const [was, is] = [pair.was, pair.is].map((side) => side && concealer.conceal(side.value));
  const node = graph?.nodes.find((one) => one.object === pair.is);
  const subject: Standing = {
    kind: qualified(object.apiVersion, object.id.kind),
    role,
    was,
    is,
    isAutoscaled: graph !== undefined && node !== undefined && scalerOf(graph, node) !== undefined,
  };
  const fields =
    was === undefined || is === undefined
      ? []
      : fieldChanges(was, is).flatMap(eachEntry).map(classified(subject));
  const known = notesOn(object);
  const notes = [
    ...(was === undefined || is === undefined ? wholeNote(subject, known) : []),
    ...known,
    ...(fields.some(({ path }) => /^(data|binaryData|stringData)\b/.test(path))
      ? staleNotes(graph, pair.is)
      : []),
  ];
  if (fields.length === 0 && notes.length === 0) {
    return undefined;
  }
  const { kind, namespace, name } = object.id;
  const key = keyOf(object.id);
  return {
    ...{ key, apiVersion: object.apiVersion, kind, namespace, name },
    ...(pair.was !== undefined && pair.was.id.name !== name && { formerName: pair.was.id.name }),
    state: was === undefined ? 'added' : is === undefined ? 'removed' : 'changed',
    impact: heaviest([...fields, ...notes].map(({ impact }) => impact)),
    acknowledged: isAcknowledged(key),
    fields,
    notes,
  };
}

/** What it does that the object is there, or no more; what is known of its data says that better. */
function wholeNote(subject: Standing, known: Note[]): Note[] {
  const { impact, id, why } = ruleFor({ ...subject, change: undefined, isSameAdmitted: false });
  return known.length > 0 ? [] : [{ impact, rule: id, message: why }];
}

/** Labels and annotations that are added or removed with the map around them are judged one by one. */
function eachEntry(change: Change): Change[] {
  const { path, was, is } = change;
  const isOfNames = /^metadata\.(labels|annotations)$/.test(pathText(path));
  const [entries] = [was, is].filter((side) => isMap(side));
  if (!isOfNames || (was !== undefined && is !== undefined) || entries === undefined) {
    return [change];
  }
  return Object.entries(entries).map(([key, value]) => ({
    path: [...path, key],
    ...(was === undefined ? { is: value } : { was: value }),
  }));
}

function classified(subject: Standing): (change: Change) => FieldDifference {
  const { was, is } = subject;
  const both = was !== undefined && is !== undefined;
  const admitted = both
    ? fieldChanges(asAdmitted(was), asAdmitted(is)).map((change) => pathText(change.path))
    : [];
  return (change) => {
    const path = pathText(change.path);
    const isSameAdmitted = !admitted.some((other) => isWithin(path, other) || isWithin(other, path));
    const { id, impact } = ruleFor({ ...subject, change, isSameAdmitted });
    const { was, is, order } = change;
    const shown = (value: Json | undefined, isNew: boolean) =>
      value === undefined ? value : shownValue(value, isNew);
    return {
      path,
      ...(was !== undefined && { was: shown(was, false) as Json }),
      ...(is !== undefined && { is: shown(is, was !== undefined) as Json }),
      ...(order !== undefined && { order: order.map(({ label }) => label) }),
      ...{ impact, rule: id },
    };
  };
}

function staleNotes(graph: Graph | undefined, object: RenderedObject | undefined): Note[] {
  const isRead =
    object !== undefined && ['ConfigMap', 'Secret'].includes(object.id.kind) && !isGenerated(object);
  const readers = graph !== undefined && isRead ? readersAtStart(graph, object) : [];
  const message =
    `${readers.join(' and ')} read it when they start: pods that run keep what was. ` +
    'Restart them, or have Kustomize generate it, with a hash in its name.';
  return readers.length === 0 ? [] : [{ impact: 'config', rule: 'read-at-start', message }];
}

/** Whether a path leads to, or through, what another one leads to. */
function isWithin(path: string, other: string): boolean {
  return path.startsWith(other) && ['', '.', '['].includes(path.charAt(other.length));
}

import { stringify } from 'yaml';
import { printable } from '../../check/formats/printable.ts';
import type { Json } from '../../check/model.ts';
import { grave, type Impact } from '../impacts/impact.ts';
import { commonSubsequence } from '../list-alignment.ts';
import type { FieldDifference, Note, ObjectDifference, PartDifference } from '../model.ts';

/** A line of a report: whether it tells of what is added, removed, changed, or to be heeded; `impact` where it names one. */
export type Line = { sign: '+' | '-' | '~' | '!' | ' '; text: string; impact?: Impact };

const signs = { added: '+', removed: '-', changed: '~' } as const;

/** What a part says of itself: `prod: rollout, 2 objects`. */
export function headline({ name, state, objects, impact }: PartDifference): string {
  const what = state === 'changed' ? '' : `${state}, `;
  return printable(`${name}: ${what}${impact}, ${count(objects.length, 'object')}`);
}

/** What changes in a part, object by object, field by field. */
export function partLines(part: PartDifference): Line[] {
  const rest: Line[] =
    part.unchanged > 0 ? [{ sign: ' ', text: `${count(part.unchanged, 'object')} unchanged` }] : [];
  return [...part.notes.map((note) => noteLine(note, '')), ...part.objects.flatMap(objectLines), ...rest].map(
    (line) => ({ ...line, text: printable(line.text).replaceAll('\n', '\ufffd') }),
  );
}

function objectLines(object: ObjectDifference): Line[] {
  const { key, formerName, state, impact, acknowledged, fields, notes } = object;
  const named = formerName === undefined ? key : `${key}, which was ${formerName}`;
  const accepted = grave.includes(impact) && acknowledged ? ', acknowledged' : '';
  const [first] = notes;
  // That a whole object comes or goes needs no reason where it is not grave.
  const isPlain =
    state !== 'changed' && first !== undefined && notes.length === 1 && !grave.includes(first.impact);
  const by = isPlain ? ` (${first.rule})` : '';
  return [
    { sign: signs[state], text: `${named}: ${impact}${accepted}${by}`, impact },
    ...fields.filter(({ path }) => formerName === undefined || path !== 'metadata.name').flatMap(fieldLines),
    ...(isPlain ? [] : notes).map((note) => noteLine(note, '    ')),
  ];
}

function noteLine({ impact, rule, message }: Note, indent: string): Line {
  return { sign: grave.includes(impact) ? '!' : ' ', text: `${indent}${message} (${rule})`, impact };
}

function fieldLines({ path, was, is, order, impact, rule }: FieldDifference): Line[] {
  const what = ` (${impact}, ${rule})`;
  const at = `    ${path}`;
  if (order !== undefined) {
    return [{ sign: '~', text: `${at}: in the order ${order.join(', ')}${what}`, impact }];
  }
  const sign = was === undefined ? '+' : is === undefined ? '-' : '~';
  const short = [was, is].flatMap((value) => (value === undefined ? [] : [shortText(value)]));
  if (short.every((text) => text !== undefined)) {
    return [{ sign, text: `${at}: ${short.join(' → ')}${what}`, impact }];
  }
  const lines = valueLines(was, is).map((line): Line => ({ ...line, text: `      ${line.text}` }));
  return [{ sign, text: `${at}:${what}`, impact }, ...lines];
}

/** A value in what is left of a line; undefined where that is no place for it. */
export function shortText(value: Json): string | undefined {
  if (typeof value === 'string') {
    const isPlain =
      /^[\w./@(][\w ./:@,;+=()-]*$/.test(value) && !/^([\d.+-]+|true|false|null|yes|no|on|off)$/i.test(value);
    return value.includes('\n') ? undefined : isPlain ? value : JSON.stringify(value);
  }
  const text = JSON.stringify(value);
  return typeof value !== 'object' || value === null || text.length <= 60 ? text : undefined;
}

/** Of two texts the lines that differ; of other values all of both, as YAML. */
function valueLines(was: Json | undefined, is: Json | undefined): Line[] {
  const [before, after] = [was, is].map((value) => (value === undefined ? [] : linesOf(value)));
  const kept = commonSubsequence(before ?? [], after ?? []);
  const [left, there] = [new Set(kept.map(([at]) => at)), new Set(kept.map(([, at]) => at))];
  const lines: Line[] = [];
  let next = 0;
  for (const [at, text] of (before ?? []).entries()) {
    if (left.has(at)) {
      next = addedUpTo(lines, after ?? [], there, next) + 1;
    } else {
      lines.push({ sign: '-', text });
    }
  }
  addedUpTo(lines, after ?? [], there, next);
  return lines;
}

/** Tells of the added lines from one on, up to the next that was there before; says where that is. */
function addedUpTo(lines: Line[], after: string[], kept: Set<number>, from: number): number {
  let at = from;
  while (at < after.length && !kept.has(at)) {
    lines.push({ sign: '+', text: after[at] ?? '' });
    at += 1;
  }
  return at;
}

function linesOf(value: Json): string[] {
  const text = typeof value === 'string' ? value : stringify(value, { lineWidth: 0 });
  return text.replace(/\n$/, '').split('\n');
}

/** A number with its noun. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

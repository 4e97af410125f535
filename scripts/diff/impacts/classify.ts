import { type Json, valueAt } from '../../check/model.ts';
import type { Change } from '../fields.ts';
import { canonical } from '../list-alignment.ts';
import type { ImpactRule, Subject } from './impact.ts';
import { impactRules } from './table.ts';

/** The rule that says what a change does. */
export function ruleFor(subject: Subject): ImpactRule {
  const rule = impactRules.find((candidate) => matches(candidate, subject));
  if (rule === undefined) {
    throw new Error(`no rule of impacts matches a change of ${subject.kind}`);
  }
  return rule;
}

function matches({ on, kinds, fields, when }: ImpactRule, subject: Subject): boolean {
  const { change, was, is, kind } = subject;
  const happened =
    change !== undefined ? 'changed' : was === undefined && is !== undefined ? 'added' : 'removed';
  return (
    on === happened &&
    (kinds === undefined || kinds.some((one) => isOfKind(kind, one))) &&
    (fields === undefined || (change !== undefined && fields.some((field) => touches(change, field)))) &&
    (when === undefined || when.holds(subject))
  );
}

function isOfKind(kind: string, pattern: string): boolean {
  return pattern.endsWith('/*') ? kind.startsWith(pattern.slice(0, -1)) : kind === pattern;
}

/** Whether a change is at a field, below it, or above it and changes it too. */
function touches(change: Change, field: string): boolean {
  const path = change.path.filter((step) => typeof step === 'string').join('.');
  if (field.endsWith('*')) {
    return path.startsWith(field.slice(0, -1));
  }
  if (path === field || path.startsWith(`${field}.`)) {
    return true;
  }
  if (path !== '' && !field.startsWith(`${path}.`)) {
    return false;
  }
  const rest = field.slice(path === '' ? 0 : path.length + 1).split('.');
  const [one, other] = [change.was, change.is].map(
    (value): Json => (value === undefined ? null : (valueAt(value, rest) ?? null)),
  );
  return canonical(one ?? null) !== canonical(other ?? null);
}

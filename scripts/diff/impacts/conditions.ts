import { Quantity } from '../../check/admission/quantity.ts';
import { type Json, maps, text, valueAt } from '../../check/model.ts';
import type { ImpactRule, Subject } from './impact.ts';

type Condition = NonNullable<ImpactRule['when']>;

/** The amount that a field says; where it does not, the API's default of one. */
function amount(value: Json | undefined): bigint | undefined {
  const isAmount = typeof value === 'string' || typeof value === 'number';
  return value === undefined
    ? Quantity.parse('1')?.nanos
    : isAmount
      ? Quantity.parse(String(value))?.nanos
      : undefined;
}

function compared({ change }: Subject, holds: (was: bigint, is: bigint) => boolean): boolean {
  const [was, is] = [amount(change?.was), amount(change?.is)];
  return was !== undefined && is !== undefined && holds(was, is);
}

export const more: Condition = {
  says: 'it is more',
  holds: (subject) => compared(subject, (was, is) => is > was),
};
export const less: Condition = {
  says: 'it is less',
  holds: (subject) => compared(subject, (was, is) => is < was),
};

export const smaller: Condition = {
  says: 'it asks for less',
  holds: (subject) =>
    subject.change?.was !== undefined && subject.change.is !== undefined && less.holds(subject),
};

/** What the API server fills in where Git does not say it stays when Git says it no more. */
export const said: Condition = {
  says: 'Git says a value still',
  holds: ({ change }) => change?.is !== undefined,
};

export const wasSaid: Condition = {
  says: 'Git said a value before',
  holds: ({ change }) => change?.was !== undefined,
};

export const removedWhole: Condition = {
  says: 'all of it, or one of the list, is taken away',
  holds: ({ change }) =>
    change?.was !== undefined &&
    change.is === undefined &&
    change.path.filter((step) => typeof step === 'string').length === 2,
};

export const sameAdmitted: Condition = {
  says: 'the API server makes the same of both',
  holds: ({ isSameAdmitted }) => isSameAdmitted,
};

export const autoscaled: Condition = {
  says: 'an autoscaler names the object',
  holds: ({ isAutoscaled }) => isAutoscaled,
};

export const onDelete: Condition = {
  says: 'its updateStrategy is OnDelete',
  holds: ({ is }) => valueAt(is ?? {}, ['spec', 'updateStrategy', 'type']) === 'OnDelete',
};

export const hook: Condition = {
  says: 'it is a hook of Argo CD',
  holds: ({ is }) => text(valueAt(is ?? {}, ['metadata', 'annotations', 'argocd.argoproj.io/hook'])) !== '',
};

export const frozen: Condition = {
  says: 'it says `immutable: true`',
  holds: ({ was }) => was?.immutable === true,
};

export const hasPods: Condition = {
  says: 'it has a pod template',
  holds: ({ was, is }) =>
    maps(valueAt(is ?? was ?? {}, ['spec', 'template', 'spec', 'containers'])).length > 0,
};

export const notExternal: Condition = {
  says: 'it is no ExternalName, and Git says a value still',
  holds: ({ was, is, change }) =>
    change?.is !== undefined &&
    [was, is].every((side) => valueAt(side ?? {}, ['spec', 'type']) !== 'ExternalName'),
};

export const outsideEnvironments: Condition = {
  says: 'it is of no environment: data-removed judges those',
  holds: ({ role }) => role !== 'environment' && role !== 'apps',
};

export const absent: Condition = {
  says: 'it becomes `absent`',
  holds: ({ change }) => change?.is === 'absent',
};

import { type Field, unique } from './field.ts';
import { validateLabelSelector } from './metadata.ts';
import { validateCronSchedule, validateTimeZone } from './schedule.ts';
import { qualifiedName } from './syntax.ts';
import { validateTemplate } from './workloads.ts';

const modes = ['NonIndexed', 'Indexed'];

/** The spec of a Job, or of a CronJob's. */
export function validateJob(spec: Field): void {
  const counted = [
    ...['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished'],
    ...['backoffLimitPerIndex', 'maxFailedIndexes'],
  ];
  for (const field of counted) {
    spec.at(field).within(0);
  }
  if (spec.at('maxFailedIndexes').isSet && !spec.at('backoffLimitPerIndex').isSet) {
    spec.at('backoffLimitPerIndex').fault('is needed by maxFailedIndexes');
  }
  validateMode(spec);
  const failure = spec.at('podFailurePolicy');
  if (spec.at('podReplacementPolicy').isSet) {
    spec
      .at('podReplacementPolicy')
      .oneOf(failure.isSet ? ['Failed'] : ['Failed', 'TerminatingOrFailed'], true);
  }
  for (const rule of failure.at('rules').items()) {
    validateFailureRule(rule, spec);
  }
  validateTemplate(spec);
  const restart = spec.at('template', 'spec', 'restartPolicy');
  if (restart.text === 'Always' || restart.isEmpty) {
    restart.fault('must be OnFailure or Never in a Job');
  } else if (failure.isSet && restart.text === 'OnFailure') {
    restart.fault('must be Never where there is a podFailurePolicy');
  }
  if (spec.at('selector').isSet && spec.at('manualSelector').value === true) {
    validateLabelSelector(spec.at('selector'));
  }
}

function validateMode(spec: Field): void {
  const mode = spec.at('completionMode');
  const [completions, failed] = [spec.at('completions'), spec.at('maxFailedIndexes')];
  if (mode.isSet) {
    mode.oneOf(modes, true);
  }
  if (mode.text === 'Indexed') {
    if (!completions.isSet) {
      completions.fault('is needed by the completionMode Indexed');
    }
    spec.at('parallelism').within(Number.NEGATIVE_INFINITY, 100_000);
    if (completions.isSet && failed.isSet && failed.number() > completions.number()) {
      failed.fault('must be at most completions');
    }
  } else if (mode.text === 'NonIndexed') {
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes', 'successPolicy']) {
      if (spec.at(field).isSet) {
        spec.at(field).fault('needs the completionMode Indexed');
      }
    }
  }
}

function validateFailureRule(rule: Field, spec: Field): void {
  const action = rule.at('action');
  action.oneOf(['Count', 'FailIndex', 'FailJob', 'Ignore'], true);
  if (action.text === 'FailIndex' && !spec.at('backoffLimitPerIndex').isSet) {
    action.fault('FailIndex needs backoffLimitPerIndex');
  }
  const [codes, conditions] = [rule.at('onExitCodes'), rule.at('onPodConditions')];
  if (codes.isSet !== conditions.isEmpty) {
    rule.fault('needs either onExitCodes or onPodConditions');
  }
  for (const condition of conditions.items()) {
    const type = condition.at('type');
    type.isEmpty ? type.fault('is needed') : type.syntax(qualifiedName);
    condition.at('status').oneOf(['True', 'False', 'Unknown'], true);
  }
  if (!codes.isSet) {
    return;
  }
  codes.at('operator').oneOf(['In', 'NotIn'], true);
  const values = codes.at('values').items();
  if (values.length === 0) {
    codes.at('values').fault('needs a value');
  }
  for (const value of values) {
    if (codes.at('operator').text === 'In' && value.number() === 0) {
      value.fault('may not be 0 with the operator In');
    }
  }
  unique(values, (value) => String(value.number()));
  if (values.some((value, index) => index > 0 && value.number() < (values[index - 1]?.number() ?? 0))) {
    codes.at('values').fault('must be in order');
  }
}

export function validateCronJob(spec: Field): void {
  validateCronSchedule(spec.at('schedule'));
  validateTimeZone(spec.at('timeZone'));
  spec.at('concurrencyPolicy').oneOf(['Allow', 'Forbid', 'Replace']);
  for (const field of ['startingDeadlineSeconds', 'successfulJobsHistoryLimit', 'failedJobsHistoryLimit']) {
    spec.at(field).within(0);
  }
  // The labels of a Job that is to be are not looked at before it is.
  validateJob(spec.at('jobTemplate', 'spec'));
}

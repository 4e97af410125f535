import type { Field } from './field.ts';

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** The fields of a schedule, as https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ has them. */
const parts = [
  { name: 'minute', least: 0, most: 59, words: [] },
  { name: 'hour', least: 0, most: 23, words: [] },
  { name: 'day of the month', least: 1, most: 31, words: [] },
  { name: 'month', least: 1, most: 12, words: months },
  { name: 'day of the week', least: 0, most: 6, words: days },
];

const macros = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];

/** When a CronJob runs. */
export function validateCronSchedule(schedule: Field): void {
  if (!schedule.require()) {
    return;
  }
  if (schedule.text.includes('TZ')) {
    schedule.fault('may not have TZ in it: timeZone is for that');
    return;
  }
  if (schedule.text.startsWith('@')) {
    if (!macros.includes(schedule.text) && !/^@every /.test(schedule.text)) {
      schedule.fault(`is "${schedule.text}", which is no schedule`);
    }
    return;
  }
  const fields = schedule.text.trim().split(/\s+/);
  if (fields.length !== parts.length) {
    schedule.fault(
      `has ${schedule.text.trim() === '' ? 0 : fields.length} fields, and must have ${parts.length}`,
    );
    return;
  }
  for (const [index, part] of parts.entries()) {
    const field = fields[index] ?? '';
    if (!field.split(',').every((range) => isRange(range, part))) {
      schedule.fault(`has "${field}" for the ${part.name}, from ${part.least} to ${part.most}`);
    }
  }
}

/** `*`, `5`, `1-5`, `mon-fri`, and each with a step. */
function isRange(range: string, { least, most, words }: (typeof parts)[number]): boolean {
  const [values = '', step, ...more] = range.split('/');
  const isStep = step === undefined || (/^\d+$/.test(step) && Number(step) > 0);
  if (!isStep || more.length > 0) {
    return false;
  }
  if (values === '*' || values === '?') {
    return true;
  }
  const numbers = values.split('-').map((value) => {
    const word = words.indexOf(value.toLowerCase());
    return word >= 0 ? word + least : /^\d+$/.test(value) ? Number(value) : Number.NaN;
  });
  const [from = Number.NaN, to = from, ...others] = numbers;
  return others.length === 0 && from >= least && to <= most && from <= to;
}

/** A name of the time zone database, by its form: which there are only the cluster knows. */
export function validateTimeZone(zone: Field): void {
  if (!zone.isSet) {
    return;
  }
  const isNamed =
    zone.text !== '' &&
    zone.text.toLowerCase() !== 'local' &&
    zone.text
      .split('/')
      .every(
        (part) =>
          /^[A-Za-z.\-_0-9+]{1,14}$/.test(part) && !part.startsWith('-') && part !== '.' && part !== '..',
      );
  if (!isNamed) {
    zone.fault(`is "${zone.text}", which is no name of a time zone`);
  }
}

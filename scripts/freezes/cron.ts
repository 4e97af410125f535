const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

type Field = { name: string; least: number; most: number; words: string[] };

const minuteField: Field = { name: 'minute', least: 0, most: 59, words: [] };
const hourField: Field = { name: 'hour', least: 0, most: 23, words: [] };
const dayField: Field = { name: 'day of the month', least: 1, most: 31, words: [] };
const monthField: Field = { name: 'month', least: 1, most: 12, words: months };
const weekdayField: Field = { name: 'day of the week', least: 0, most: 6, words: days };
const fields = [minuteField, hourField, dayField, monthField, weekdayField];

/** The values of a field, in order. `isStar` where it says `*`: `*\/2` does not, whatever it looks like. */
type Values = { values: number[]; isStar: boolean };

/** The minutes that a schedule begins in, on the clock on the wall. */
export type Cron = { minute: Values; hour: Values; day: Values; month: Values; weekday: Values };

/**
 * Reads a schedule as Argo CD does, with the five fields of robfig/cron and none of its macros. Less is taken where Argo
 * CD takes a slip for something else, such as `*-5` for `*`.
 * @returns what is wrong with it, as a text, where it is none
 */
export function parseCron(schedule: string): Cron | string {
  const words = schedule.trim().split(/\s+/);
  if (words.length !== fields.length) {
    return `has ${schedule.trim() === '' ? 0 : words.length} fields, and must have 5: minute, hour, day, month, day of the week`;
  }
  const read = fields.map((field, index) => parseField(words[index] ?? '', field));
  const wrong = read.indexOf(undefined);
  const [minute, hour, day, month, weekday] = read;
  if (!minute || !hour || !day || !month || !weekday) {
    const { name, least, most } = fields[wrong] ?? minuteField;
    return `has "${words[wrong]}" for the ${name}, which is from ${least} to ${most}`;
  }
  const cron = { minute, hour, day, month, weekday };
  // Argo CD takes a schedule that finds no time for one that is active always.
  return comesAround(cron) ? cron : 'names a day that never comes, which Argo CD takes for always';
}

function parseField(field: string, about: Field): Values | undefined {
  const ranges = field.split(',').map((range) => parseRange(range, about));
  return ranges.some((range) => range === undefined)
    ? undefined
    : {
        values: [...new Set(ranges.flatMap((range) => range?.values ?? []))].sort((a, b) => a - b),
        isStar: ranges.some((range) => range?.isStar === true),
      };
}

/** `*`, `5`, `1-5`, `mon-fri`, and each with a step; `5/10` goes from 5 to the last. */
function parseRange(range: string, { least, most, words }: Field): Values | undefined {
  const [, from = '', to, by] = /^(\*|\?|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(range) ?? [];
  const isAny = from === '*' || from === '?';
  const numberOf = (word: string) => {
    const named = words.indexOf(word.toLowerCase());
    return named >= 0 ? named + least : /^\d+$/.test(word) ? Number(word) : Number.NaN;
  };
  const first = isAny ? least : numberOf(from);
  const last = isAny || (to === undefined && by !== undefined) ? most : numberOf(to ?? from);
  const step = Number(by ?? 1);
  const isRange = first >= least && last <= most && first <= last && step > 0 && !(isAny && to !== undefined);
  return isRange
    ? {
        values: Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, nth) => first + nth * step),
        isStar: isAny && step === 1,
      }
    : undefined;
}

const longestMonths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function comesAround({ day, month, weekday }: Cron): boolean {
  const isEither = !day.isStar && !weekday.isStar;
  return isEither || month.values.some((one) => (day.values[0] ?? 32) <= (longestMonths[one - 1] ?? 0));
}

const aMinute = 60_000;
const aDay = 24 * 60 * aMinute;

/**
 * The last minute that a schedule begins in, after one time and at another or before it. Times are what the clock on the
 * wall shows, in milliseconds as if it were UTC's.
 */
export function lastStart(cron: Cron, { after, at }: { after: number; at: number }): number | undefined {
  const today = Math.floor(at / aDay) * aDay;
  for (let date = today; date + aDay > after; date -= aDay) {
    if (!isDay(cron, new Date(date))) {
      continue;
    }
    const time = lastMinute(cron, date === today ? Math.floor((at - today) / aMinute) : 24 * 60 - 1);
    if (time !== undefined) {
      const start = date + time * aMinute;
      return start > after ? start : undefined;
    }
  }
  return undefined;
}

/** A day of both fields where one of them is a star, and of either otherwise. */
function isDay({ day, month, weekday }: Cron, date: Date): boolean {
  const isOfMonth = day.values.includes(date.getUTCDate());
  const isOfWeek = weekday.values.includes(date.getUTCDay());
  const isEither = !day.isStar && !weekday.isStar;
  return (
    month.values.includes(date.getUTCMonth() + 1) &&
    (isEither ? isOfMonth || isOfWeek : isOfMonth && isOfWeek)
  );
}

/** The last minute of a day that is one of the schedule's, and not after `most`. */
function lastMinute({ minute, hour }: Cron, most: number): number | undefined {
  for (const hours of hour.values.toReversed()) {
    const last = minute.values.findLast((minutes) => hours * 60 + minutes <= most);
    if (last !== undefined) {
      return hours * 60 + last;
    }
  }
  return undefined;
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, randomFrom } from '../bench/check/random.ts';
import { parseCron } from './cron.ts';
import { endOfWindow, isTimeZone, readDuration, writeDuration } from './window.ts';

type Said = { schedule: string; duration: string; timeZone: string };

const weekends: Said = { schedule: '0 18 * * 5', duration: '60h', timeZone: 'Europe/Berlin' };

function endOf({ schedule, duration, timeZone }: Said, at: Date): Date | undefined {
  const cron = parseCron(schedule);
  assert.ok(typeof cron !== 'string', `${schedule} ${JSON.stringify(cron)}`);
  return endOfWindow({ cron, milliseconds: readDuration(duration), timeZone }, at);
}

function until(said: Said, at: string): string | undefined {
  return endOf(said, new Date(at))?.toISOString().replace(':00.000Z', 'Z');
}

test('a window holds from its first minute to the one before its end', () => {
  assert.equal(until(weekends, '2026-11-20T16:59:59.999Z'), undefined);
  assert.equal(until(weekends, '2026-11-20T17:00:00Z'), '2026-11-23T05:00Z');
  assert.equal(until(weekends, '2026-11-23T04:59:59.999Z'), '2026-11-23T05:00Z');
  assert.equal(until(weekends, '2026-11-23T05:00:00Z'), undefined);
});

test('it ends by the clock on the wall, an hour sooner or later where that changes within', () => {
  // Until Monday at 6:00 in Berlin, whichever it is.
  assert.equal(until(weekends, '2026-10-23T16:00:00Z'), '2026-10-26T05:00Z');
  assert.equal(until(weekends, '2026-03-27T17:00:00Z'), '2026-03-30T04:00Z');
});

test('the hour that is twice is in it twice, and the one that is not is not', () => {
  const night = { schedule: '30 2 * * *', duration: '30m', timeZone: 'Europe/Berlin' };
  assert.equal(until(night, '2026-10-25T00:45:00Z'), '2026-10-25T01:00Z');
  assert.equal(until(night, '2026-10-25T01:15:00Z'), undefined);
  assert.equal(until(night, '2026-10-25T01:45:00Z'), '2026-10-25T02:00Z');
  assert.equal(until(night, '2026-03-29T00:59:00Z'), undefined);
  assert.equal(until(night, '2026-03-29T01:00:00Z'), undefined);
});

test('one that begins as another ends goes on, and one that is always has an end far away', () => {
  const workdays = { schedule: '0 0 * * 1-5', duration: '24h', timeZone: 'UTC' };
  assert.equal(until(workdays, '2026-11-24T12:00:00Z'), '2026-11-28T00:00Z');
  const always = { schedule: '* * * * *', duration: '24h', timeZone: 'America/New_York' };
  assert.ok((until(always, '2026-11-24T12:00:00Z') ?? '') > '2027-11');
});

for (const [schedule, problem] of [
  ['0 18 * *', /has 4 fields, and must have 5/],
  ['', /has 0 fields/],
  ['@daily', /has 1 fields/],
  ['0 24 * * *', /has "24" for the hour, which is from 0 to 23/],
  ['0 0 * * 7', /has "7" for the day of the week/],
  ['0 0 0 * *', /has "0" for the day of the month/],
  ['5-1 * * * *', /has "5-1" for the minute/],
  ['*/0 * * * *', /for the minute/],
  ['*-5 * * * *', /for the minute/],
  ['1,,2 * * * *', /for the minute/],
  ['0 0 * jan-foo *', /for the month/],
  ['0 0 30 2 *', /names a day that never comes/],
  ['0 0 31 4,6,9,11 *', /names a day that never comes/],
] as const) {
  test(`"${schedule}" is no schedule`, () => {
    assert.match(String(parseCron(schedule)), problem);
  });
}

test('both fields of days hold where one is a star, and either does where none is; */2 is none', () => {
  const at = (schedule: string, day: string) =>
    until({ schedule, duration: '1h', timeZone: 'UTC' }, `${day}T00:30:00Z`);
  // A Tuesday, the 24th.
  const day = '2026-11-24';
  assert.equal(at('0 0 24 * *', day), `${day}T01:00Z`);
  assert.equal(at('0 0 24 * 1', day), `${day}T01:00Z`);
  assert.equal(at('0 0 * * 1', day), undefined);
  assert.equal(at('0 0 */23 * 1', day), `${day}T01:00Z`);
  assert.equal(at('0 0 */2 * 2', day), `${day}T01:00Z`);
  assert.equal(at('0 0 */2 * 1', day), undefined);
  assert.equal(at('0 0 */1 * 1', day), undefined);
});

test('a duration is of hours and minutes, and a time zone as the database writes it', () => {
  assert.deepEqual(['60h', '1h30m', '45m', '', '1d', '30s'].map(readDuration), [216e6, 54e5, 27e5, 0, 0, 0]);
  assert.deepEqual([216e6, 54e5, 27e5].map(writeDuration), ['60h', '1h30m', '45m']);
  assert.deepEqual(['UTC', 'Europe/Berlin', 'europe/berlin', 'Berlin', '+01:00', ''].map(isTimeZone), [
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

/** Whether a field of a schedule has a value: said as plainly as it can be, however slow. */
function has(field: string, value: number, [least, most]: [number, number]): boolean {
  return field.split(',').some((range) => {
    const [span = '', step = '1'] = range.split('/');
    const [from, to] = span === '*' ? [least, most] : span.split('-').map(Number);
    const last = to ?? (range.includes('/') ? most : from);
    for (let one = from ?? 0; one <= (last ?? 0); one += Number(step)) {
      if (one === value) {
        return true;
      }
    }
    return false;
  });
}

/** What a clock on the wall shows, by Intl and not by Temporal. */
function wallClock(timeZone: string): (time: number) => number {
  const numeric = {
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  } as const;
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...numeric });
  return (time) => {
    const part = Object.fromEntries(
      format.formatToParts(time).map(({ type, value }) => [type, Number(value)]),
    );
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute);
  };
}

/** Whether a schedule begins at a minute. */
function begins(schedule: string, onTheWall: number): boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = schedule.split(' ');
  const date = new Date(onTheWall);
  const days = [has(day, date.getUTCDate(), [1, 31]), has(weekday, date.getUTCDay(), [0, 6])];
  const isStar = [day, weekday].some((field) => field.split(',').includes('*'));
  return (
    has(minute, date.getUTCMinutes(), [0, 59]) &&
    has(hour, date.getUTCHours(), [0, 23]) &&
    has(month, date.getUTCMonth() + 1, [1, 12]) &&
    (isStar ? days.every(Boolean) : days.some(Boolean))
  );
}

/** Whether a window is active at a minute: whether one of the minutes that its duration goes back begins it. */
function activity({ schedule, duration }: Said): (onTheWall: number) => boolean {
  const known = new Map<number, boolean>();
  const beginsAt = (minute: number) => {
    const found = known.get(minute) ?? begins(schedule, minute);
    known.set(minute, found);
    return found;
  };
  return (onTheWall) => {
    for (let back = 0; back < readDuration(duration); back += 60_000) {
      if (beginsAt(onTheWall - back)) {
        return true;
      }
    }
    return false;
  };
}

function randomWindow(random: Random): Said & { at: Date } {
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  const pick = <T>(items: [T, ...T[]]): T => items[Math.floor(random() * items.length)] ?? items[0];
  const field = (least: number, most: number) =>
    pick([
      () => '*',
      () => `*/${between(2, 9)}`,
      () => `${between(least, most)}`,
      () => `${between(least, most)},${between(least, most)}`,
      () => `${between(least, most)}-${most}`,
      () => `${between(least, most)}/${between(1, 9)}`,
    ])();
  // Around the changes of the clocks, of half an hour on Lord Howe.
  const changes: [string, ...string[]] = [
    '2026-03-29T01:00Z',
    '2026-10-25T01:00Z',
    '2026-11-01T06:00Z',
    '2026-10-03T15:30Z',
    '2026-04-04T15:00Z',
  ];
  return {
    schedule: [field(0, 59), field(0, 23), field(1, 28), pick(['*', '3-4', '10,11']), field(0, 6)].join(' '),
    duration: pick(['1m', '45m', '1h30m', '5h', '26h']),
    timeZone: pick(['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata']),
    at: new Date(Date.parse(pick(changes)) + between(-1800, 1800) * 60_000),
  };
}

test('any window is as active, and ends, as it does when each minute is looked at', () => {
  const random = randomFrom(7);
  for (let nth = 0; nth < 200; nth += 1) {
    const { at, ...said } = randomWindow(random);
    const onTheWall = wallClock(said.timeZone);
    const end = endOf(said, at);
    const isActive = activity(said);
    const active = (time: number) => isActive(onTheWall(time));
    const shown = JSON.stringify({ ...said, at, end });
    assert.equal(end !== undefined, active(at.getTime()), shown);
    // Not every minute of what goes on for long.
    const last = Math.min(end?.getTime() ?? 0, at.getTime() + 6 * 3_600_000);
    for (let time = at.getTime(); time < last; time += 60_000) {
      assert.ok(active(time), `${shown} is active at ${new Date(time).toISOString()}`);
    }
    assert.ok(
      end === undefined || end.getTime() > at.getTime() + 300 * 86_400_000 || !active(end.getTime()),
      shown,
    );
  }
});

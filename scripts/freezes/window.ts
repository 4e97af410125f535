import { type Cron, lastStart } from './cron.ts';

/** A sync window: it begins when the schedule does, by the clock of a time zone, and goes on for so long on that clock. */
export type Window = { cron: Cron; milliseconds: number; timeZone: string };

const aYear = 366 * 24 * 60 * 60_000;
const mostSteps = 10_000;

/**
 * When a window that is active ends; undefined for one that is not. As Argo CD has it, a window goes by the clock on the
 * wall throughout: the hour that is twice in autumn is in it twice, and 60 h from Friday at 18:00 end on Monday at 6:00
 * whatever the clocks did on Sunday. The one that begins as another ends goes on; of what goes on for more than a year
 * the end is not looked for.
 */
export function endOfWindow({ cron, milliseconds, timeZone }: Window, at: Date): Date | undefined {
  let time = at.getTime();
  for (let step = 0; step < mostSteps && time < at.getTime() + aYear; step += 1) {
    const zoned = Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(timeZone);
    const onTheWall = time + zoned.offsetNanoseconds / 1e6;
    const start = lastStart(cron, { after: onTheWall - milliseconds, at: onTheWall });
    if (start === undefined) {
      break;
    }
    const change = zoned.getTimeZoneTransition('next')?.epochMilliseconds ?? Number.POSITIVE_INFINITY;
    time = Math.min(time + start + milliseconds - onTheWall, change);
  }
  return time === at.getTime() ? undefined : new Date(time);
}

/** The milliseconds of a Go duration of hours and minutes; 0 for what is none. */
export function readDuration(duration: string): number {
  const [, hours = '0', minutes = '0'] = /^(?:(\d+)h)?(?:(\d+)m)?$/.exec(duration) ?? [];
  return (Number(hours) * 60 + Number(minutes)) * 60_000;
}

/** A Go duration of whole minutes. */
export function writeDuration(milliseconds: number): string {
  const minutes = milliseconds / 60_000;
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return `${hours > 0 ? `${hours}h` : ''}${rest > 0 || hours === 0 ? `${rest}m` : ''}`;
}

/** Whether the time zone database has a name, in these letters: Argo CD takes one that Go does not find for UTC. */
export function isTimeZone(name: string): boolean {
  try {
    return Temporal.Now.zonedDateTimeISO(name).timeZoneId === name && /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

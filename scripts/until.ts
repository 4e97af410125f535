import { setTimeout as sleep } from 'node:timers/promises';

/** Thrown when something did not come to be, or was waited for no longer. */
class NotInTime extends Error {
  override name = 'NotInTime';
}

let interrupted = false;

/** Ends every wait in `until`, so that who waits can put things back; `over` lets those that come after wait. */
export const interruption = {
  begin: (): void => {
    interrupted = true;
  },
  over: (): void => {
    interrupted = false;
  },
};

/** Asks again until it holds; returns the seconds that took. @throws {NotInTime} when it does not in time */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  seconds = 120,
): Promise<number> {
  const started = Date.now();
  for (;;) {
    const asked = Date.now();
    if (await holds()) {
      return (Date.now() - started) / 1000;
    }
    if (interrupted) {
      throw new NotInTime(`${what}: interrupted`);
    }
    if (Date.now() - started > seconds * 1000) {
      throw new NotInTime(`${what}: not within ${seconds} s`);
    }
    // What asks takes CPU from what it waits for: a question that costs much is asked less often.
    await sleep(Math.max(50, 2 * (Date.now() - asked)));
  }
}

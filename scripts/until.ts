import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again until it holds; returns the seconds that took. @throws when it does not in time */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  seconds = 120,
): Promise<number> {
  const started = Date.now();
  while (!(await holds())) {
    if (Date.now() - started > seconds * 1000) {
      throw new Error(`${what}: not within ${seconds} s`);
    }
    await sleep(50);
  }
  return (Date.now() - started) / 1000;
}

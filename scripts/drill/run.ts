import { setTimeout as sleep } from 'node:timers/promises';
import type { Drill, Event, Outcome, Result } from './drill.ts';
import { type Answer, isServed, type Load, startLoad } from './load.ts';
import type { Stage } from './stage.ts';

/** Requests a second, half on kept connections and half on fresh ones. */
const rate = 40;
/** How long is looked before and after, in milliseconds. */
const calm = 2000;

/**
 * Runs a drill under load and puts everything back, whatever came of it. `tell` is given a line a second and a line an
 * event, as they happen.
 */
export async function runDrill(drill: Drill, stage: Stage, tell: (line: string) => void): Promise<Result> {
  await stage.putBack();
  const started = new Date();
  const load = startLoad(`${stage.url(drill.environment)}/api/quotes/random`, rate);
  const events: Event[] = [];
  const note = (text: string): void => {
    events.push({ at: load.now(), text });
    tell(`${seconds(load.now())}  ${text}`);
  };
  const ticking = everySecond(load, tell);
  let outcome: Outcome = { figures: {}, held: [] };
  let error: string | undefined;
  try {
    await sleep(calm);
    outcome = await drill.run(stage, note);
    await sleep(calm);
  } catch (caught) {
    error = caught instanceof Error ? caught.message : String(caught);
    note(`ended by an error: ${error}`);
  } finally {
    await load.stop();
    clearInterval(ticking);
    await stage.putBack();
  }
  const mayFail = drill.mayFail ?? (() => false);
  return {
    ...outcome,
    drill: drill.name,
    environment: drill.environment,
    started: started.toISOString(),
    seconds: (Date.now() - started.getTime()) / 1000,
    events,
    answers: load.answers,
    failed: load.answers.filter((answer) => !isServed(answer) && !mayFail(answer)),
    ...(error !== undefined && { error }),
  };
}

function everySecond(load: Load, tell: (line: string) => void): NodeJS.Timeout {
  let from = 0;
  return setInterval(() => {
    const answers = load.answers.slice(from);
    from = load.answers.length;
    tell(`${seconds(load.now())}  ${summary(answers)}`);
  }, 1000);
}

/** `40 answers by 3 pods, 0 failed, slowest 12 ms`. */
function summary(answers: Answer[]): string {
  const pods = new Set(answers.map(({ pod }) => pod).filter((pod) => pod !== '')).size;
  const failed = answers.filter((answer) => !isServed(answer)).length;
  const slowest = Math.max(0, ...answers.map(({ took }) => took));
  return `${answers.length} answers by ${pods} ${pods === 1 ? 'pod' : 'pods'}, ${failed} failed, slowest ${slowest.toFixed(0)} ms`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1).padStart(6)} s`;
}

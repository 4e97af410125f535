import { setTimeout as sleep } from 'node:timers/promises';
import { interruption } from '../until.ts';
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
  const note = (text: string): number => {
    const at = load.now();
    events.push({ at, text });
    tell(`${seconds(at)}  ${text}`);
    return at;
  };
  const ticking = everySecond(load, tell);
  let outcome: Outcome = { figures: {}, held: [] };
  let error: string | undefined;
  let left: string | undefined;
  try {
    await sleep(calm);
    outcome = await drill.run(stage, note, load.answers);
    await sleep(calm);
  } catch (caught) {
    error = messageOf(caught);
    note(`ended by an error: ${error}`);
  } finally {
    interruption.over();
    await load.stop();
    clearInterval(ticking);
  }
  try {
    await stage.putBack();
  } catch (caught) {
    left = messageOf(caught);
  }
  const { figures, held, mayFail = () => false } = outcome;
  const asked = load.answers.length / (load.stopped() / 1000);
  const kept = {
    what: `${rate} requests a second were asked (${asked.toFixed(1)})`,
    holds: asked > rate * 0.95,
  };
  return {
    figures,
    held: [...held, kept],
    drill: drill.name,
    environment: drill.environment,
    started: started.toISOString(),
    seconds: (Date.now() - started.getTime()) / 1000,
    events,
    answers: load.answers,
    failed: load.answers.filter((answer) => !isServed(answer) && !mayFail(answer)),
    ...(error !== undefined && { error }),
    ...(left !== undefined && { left }),
  };
}

function messageOf(caught: unknown): string {
  return caught instanceof Error ? caught.message : String(caught);
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

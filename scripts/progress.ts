import { Listr } from 'listr2';

/** A piece of long work: what it does, how long it usually takes, and what it reports while it does. */
export interface Step {
  title: string;
  /** Such as `12 min`; shown beside the title. */
  usually: string;
  run(report: (doing: string) => void): Promise<void>;
}

/** Steps one after another. */
type Lane = Step[];

/** What comes one after another; the lanes of an inner array run at the same time. */
export type Plan = (Step | Lane[])[];

/** How often a plain line says that a step is still at it, in milliseconds. */
const heartbeat = 20_000;

/** Runs the plan and shows it: a live list on a terminal, plain lines on standard error otherwise. */
export async function runPlan(plan: Plan): Promise<void> {
  const flat = process.stdout.isTTY !== true || process.env.CI !== undefined;
  for (const entry of plan) {
    const lanes = Array.isArray(entry) ? entry : [[entry]];
    // When one of several fails, the others are waited for: nothing goes on behind the user's back.
    const results = await Promise.allSettled(flat ? lanes.map(runPlain) : [runLive(lanes)]);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      throw failed.reason;
    }
  }
}

async function runPlain(lane: Lane): Promise<void> {
  for (const step of lane) {
    await runStepPlain(step);
  }
}

async function runStepPlain(step: Step): Promise<void> {
  const started = Date.now();
  const elapsed = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  const say = (mark: string, text: string) => process.stderr.write(`${mark} ${step.title} ${text}\n`);
  let doing = '';
  say('·', `(usually ${step.usually})`);
  const timer = setInterval(() => say('…', `${elapsed()}${doing && `: ${doing}`}`), heartbeat);
  try {
    await step.run((text) => {
      doing = text;
    });
    say('✓', elapsed());
  } catch (error) {
    say('✗', `failed after ${elapsed()}`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

async function runLive(lanes: Lane[]): Promise<void> {
  const list = new Listr(
    // A task without a title only groups: its steps are shown in its place.
    lanes.map((lane) => ({
      task: (_: unknown, group: { newListr: (steps: LiveStep[], options: object) => Listr }) =>
        group.newListr(lane.map(liveStep), { concurrent: false, exitOnError: true }),
    })),
    { concurrent: true, exitOnError: true, rendererOptions: { showErrorMessage: false } },
  );
  await list.run();
}

type LiveStep = ReturnType<typeof liveStep>;

function liveStep(step: Step) {
  return {
    title: `${step.title} (usually ${step.usually})`,
    task: async (_: unknown, task: { title: string; output: string }) => {
      const started = Date.now();
      let doing = '';
      const seconds = () => Math.round((Date.now() - started) / 1000);
      const show = () => {
        task.output = `${seconds()} s${doing && `: ${doing}`}`;
      };
      const timer = setInterval(show, 1000);
      try {
        await step.run((text) => {
          doing = text;
          show();
        });
        task.title = `${step.title} ${((Date.now() - started) / 1000).toFixed(1)} s`;
      } finally {
        clearInterval(timer);
      }
    },
  };
}

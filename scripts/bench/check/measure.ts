import { open, readdir, readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { CannotRun } from '../../cli.ts';

/** A program, its arguments, and the file that its standard output goes to. */
export type Invocation = { program: string; args: string[]; output: string };

/** Wall time in seconds, and the peak of resident memory in bytes. */
export type Measurement = { seconds: number; bytes: number };

/** Milliseconds between two looks at memory: 1 at first, so that a short program is seen, up to 25. */
export const samplePeriod = { first: 1, longest: 25 };

/**
 * Runs the programs one after another. Their time is added up; memory is the highest sum of the resident pages of a
 * program and all its descendants (VmRSS), and never less than what one of them held at once (VmHWM).
 * @throws {CannotRun} when one ends with anything but 0 or 1: it did not judge
 */
export async function measure(invocations: Invocation[]): Promise<Measurement> {
  const total = { seconds: 0, bytes: 0 };
  for (const invocation of invocations) {
    const { seconds, bytes } = await measureOne(invocation);
    total.seconds += seconds;
    total.bytes = Math.max(total.bytes, bytes);
  }
  return total;
}

async function measureOne({ program, args, output }: Invocation): Promise<Measurement> {
  const out = await open(output, 'w');
  const complaints = await open(`${output}.err`, 'w');
  try {
    // Straight to files, so that reading what it writes is no work of ours while it is measured.
    const running = execa(program, args, {
      ...{ stdin: 'ignore', stdout: out.createWriteStream(), stderr: complaints.createWriteStream() },
      ...{ buffer: false, reject: false },
    });
    const sampling = peakMemory(running.pid ?? 0, running);
    const { exitCode, durationMs, shortMessage } = await running;
    if (exitCode !== 0 && exitCode !== 1) {
      const last = (await readFile(`${output}.err`, 'utf8')).trim().split('\n').slice(-5).join('\n');
      throw new CannotRun(`It did not judge, so it cannot be compared: ${shortMessage}\n${last}`);
    }
    return { seconds: durationMs / 1000, bytes: await sampling };
  } finally {
    await Promise.all([out.close(), complaints.close()]);
  }
}

async function peakMemory(pid: number, ended: PromiseLike<unknown>): Promise<number> {
  let running = true;
  const stop = () => {
    running = false;
  };
  const stopped = ended.then(stop, stop);
  let peak = 0;
  let period = samplePeriod.first;
  while (running) {
    const tree = await Promise.all((await descendants(pid)).map(memoryOf));
    const sum = tree.reduce((bytes, { now }) => bytes + now, 0);
    peak = Math.max(peak, sum, ...tree.map(({ highest }) => highest));
    await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, period))]);
    period = Math.min(period * 1.05, samplePeriod.longest);
  }
  return peak;
}

/** The process and all that it started; a thread's children are listed with the thread. */
async function descendants(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
  );
  const children = lists.join(' ').split(' ').filter(Boolean).map(Number);
  return [pid, ...(await Promise.all(children.map(descendants))).flat()];
}

/** Bytes. Nothing of a process that has just ended. */
async function memoryOf(pid: number): Promise<{ now: number; highest: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { now: field('VmRSS'), highest: field('VmHWM') };
}

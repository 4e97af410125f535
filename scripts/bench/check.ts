import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import { type Plan, runPlan, type Step } from '../progress.ts';
import { type Contestant, contestants, own } from './check/contestants.ts';
import { type Machine, thisMachine } from './check/machine.ts';
import { type Measurement, measure } from './check/measure.ts';
import { type ComparedRule, ruleNames } from './check/rules.ts';
import { asYaml, type Seeded, seededObjects } from './check/seeds.ts';
import { type Agreement, agreement, beyond, type Verdict } from './check/verdicts.ts';

/** Of one tool at one size: its agreement on each rule that it judges, and a measurement a round. */
export type Result = { tool: string; verdicts: Map<ComparedRule, Agreement>; rounds: Measurement[] };

/** A file of so many objects and bytes, each rule broken by `seeded` of them, and what became of it. */
export type Size = { objects: number; bytes: number; seeded: number; rounds: number; results: Result[] };

export type CheckBenchmark = { machine: Machine; tools: Contestant[]; sizes: Size[] };

/** The same objects each time. */
const seed = 1;

/** The sizes compared when none are asked for. */
export const defaultSizes = [10, 1000, 10_000];

/**
 * Compares the check with other tools on one file of each size: first their verdicts, then, in turn, their time and
 * memory. `rounds` is how often each is run, 5 times by default and 3 from 10,000 objects on.
 * @throws {CannotRun} when a tool cannot be built or does not run, or when our own verdicts are wrong
 */
export async function benchCheck(sizes: number[], rounds?: number): Promise<CheckBenchmark> {
  const machine = await thisMachine();
  const tools: Contestant[] = [];
  const measured: Size[] = [];
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-bench-'));
  const build: Step = {
    title: 'the tools, from source',
    usually: '10 min the first time',
    run: async (report) => {
      tools.push(...(await contestants(report)));
    },
  };
  const steps = sizes.map((objects): Step => {
    const times = rounds ?? (objects < 10_000 ? 5 : 3);
    return {
      title: `${objects.toLocaleString('en')} objects, ${times} rounds`,
      usually: usualTime(objects, times),
      run: async (report) => {
        measured.push(await benchSize(objects, times, tools, scratch, report));
      },
    };
  });
  const plan: Plan = [build, ...steps];
  try {
    await runPlan(plan);
  } finally {
    await rm(scratch, { recursive: true });
  }
  return { machine, tools, sizes: measured };
}

/** On 2 cores a round of all tools takes about 2 s and 8 ms an object; the verdicts are a round more. */
function usualTime(objects: number, rounds: number): string {
  const seconds = (rounds + 1) * (2 + objects * 0.008);
  return seconds < 100 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

async function benchSize(
  objects: number,
  rounds: number,
  tools: Contestant[],
  scratch: string,
  report: (doing: string) => void,
): Promise<Size> {
  const seeded = seededObjects(objects, seed);
  const text = asYaml(seeded.objects);
  const file = path.join(scratch, `${objects}.yaml`);
  await writeFile(file, text);
  const results: Result[] = [];
  for (const tool of tools) {
    report(`verdicts of ${tool.name}`);
    results.push({ tool: tool.name, verdicts: await verify(tool, file, seeded, scratch), rounds: [] });
  }
  const compared = tools.flatMap((tool, index) => {
    const result = results[index];
    return result !== undefined && agreed(result).length > 0 ? [{ tool, result }] : [];
  });
  for (let round = 0; round < rounds; round += 1) {
    // Each round begins with another tool, so that what comes after what does not favour one.
    const start = round % compared.length;
    for (const { tool, result } of [...compared.slice(start), ...compared.slice(0, start)]) {
      report(`round ${round + 1} of ${rounds}: ${tool.name}`);
      result.rounds.push(await measure(invocations(tool, file, scratch)));
    }
  }
  const each = seeded.broken.get('image-tag')?.size ?? 0;
  return { objects, bytes: Buffer.byteLength(text), seeded: each, rounds, results };
}

/** The rules that the tool named exactly the seeded objects for: those it is compared on. */
export function agreed({ verdicts }: Result): ComparedRule[] {
  return [...verdicts]
    .filter(([, { missed, besides }]) => missed.length === 0 && besides.length === 0)
    .map(([rule]) => rule);
}

function invocations(tool: Contestant, file: string, scratch: string) {
  return tool.programs(file).map(({ program, args }, index) => ({
    program,
    args,
    output: path.join(scratch, `output-${index}`),
  }));
}

/** Runs the tool once, which also warms the file cache, and compares its verdicts with what was seeded. */
async function verify(
  tool: Contestant,
  file: string,
  { broken }: Seeded,
  scratch: string,
): Promise<Map<ComparedRule, Agreement>> {
  const runs = invocations(tool, file, scratch);
  await measure(runs);
  const verdicts: Verdict[] = [];
  for (const [index, { verdicts: read }] of tool.programs(file).entries()) {
    verdicts.push(...read(await readFile(runs[index]?.output ?? '', 'utf8')));
  }
  const found = agreement(verdicts, tool.rules, broken);
  const wrong = ruleNames.filter((rule) => {
    const { missed = [], besides = [] } = found.get(rule) ?? {};
    return missed.length + besides.length > 0;
  });
  const others = new Set(beyond(verdicts).map(({ rule }) => rule));
  if (tool.name === own && wrong.length + others.size > 0) {
    const rules = [...wrong, ...others].join(', ');
    throw new CannotRun(
      `The check does not name exactly the objects that were spoilt: see ${rules}. Mend that first; time says nothing before.`,
    );
  }
  return found;
}

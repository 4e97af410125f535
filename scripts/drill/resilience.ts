import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Machine } from '../bench/check/machine.ts';
import { quantile } from '../bench/quantile.ts';
import { markdownTable } from '../markdown-table.ts';
import type { Drill } from './drill.ts';

/** A kept run, as far as the document needs it. Figures are seconds. */
export type Run = {
  drill: string;
  started: string;
  passed: boolean;
  requests: number;
  failed: unknown[];
  figures: Record<string, number>;
};

const head = 'drill,held,requests,failed,what is measured,median,worst,goal,notes,defaults'.split(',');

/** How many runs of each drill the document is made from. */
const most = 5;

/** Every run that is kept in a folder, the newest first. */
export async function readRuns(folder: string): Promise<Run[]> {
  const files = existsSync(folder) ? await Array.fromAsync(glob('*.json', { cwd: folder })) : [];
  const runs = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(path.join(folder, file), 'utf8')) as Run),
  );
  return runs.toSorted((one, other) => other.started.localeCompare(one.started));
}

/**
 * docs/resilience.md: what each drill measured in its last runs, beside its goal and what others observed.
 * @param before the document as it is: its rows stay for drills that were not run on this cluster
 */
export function resilience(drills: Drill[], runs: Run[], machine: Machine, before = ''): string {
  const kept = tableOf(before);
  const measured = drills.flatMap((drill) => {
    const own = runs.filter((run) => run.drill === drill.name).slice(0, most);
    const table = own.length === 0 ? kept.get(drill.name) : rows(drill, own);
    return table === undefined ? [] : [{ drill, table }];
  });
  return `# What survives

Written by \`npm run drill -- --write\` on ${machine.date} from the last ${most} runs of each drill. Running it again
writes the rows of what was run on that cluster anew and keeps the others. docs/decisions/0008 says what the settings
behind it are, and which are the cluster's.

- Machine: ${machine.processor}, ${machine.memory}, ${machine.system}; all three nodes share it.
- Load: 40 requests a second, half on kept connections and half each on one of its own, every answer counted. A request
  failed when it was not answered with 200 within ten seconds.
- Notes: what the architecture notes observed. Defaults: what Kubernetes and Argo CD do when nothing is set.

${markdownTable(
  head,
  measured.flatMap(({ table }) => table),
)}

## What each does

${measured.map(({ drill }) => `- **${drill.name}** (${drill.environment}): ${drill.cause}. Must hold: ${drill.holds}.`).join('\n')}

"held": in how many runs everything held and no request failed but those that the drill allows: drift takes dev's only
pod away by itself, and database-away may answer 503 while there is no database. A goal is a goal, not a test: machines
are noisy.
`;
}

/** The rows of a document's table by the drill that they are of. */
function tableOf(document: string): Map<string, string[][]> {
  const lines = document.split('\n').filter((line) => line.startsWith('| '));
  const cells = lines.slice(2).map((line) => line.split('|').slice(1, -1));
  const tables = new Map<string, string[][]>();
  let drill = '';
  for (const row of cells.map((row) => row.map((cell) => cell.trim()))) {
    drill = row[0] || drill;
    tables.set(drill, [...(tables.get(drill) ?? []), row]);
  }
  return tables;
}

function rows(drill: Drill, runs: Run[]): string[][] {
  const sum = (count: (run: Run) => number) => runs.reduce((total, run) => total + count(run), 0);
  const about = [
    `${runs.filter(({ passed }) => passed).length} of ${runs.length}`,
    sum(({ requests }) => requests),
    sum(({ failed }) => failed.length),
  ];
  const figures = [...new Set(runs.flatMap(({ figures }) => Object.keys(figures)))];
  const cells = (name: string, which: typeof about, figure: string) => {
    const seconds = runs.flatMap(({ figures }) => figures[figure] ?? []);
    const isGoal = drill.goal?.figure === figure;
    return [
      name,
      ...which,
      figure,
      seconds.length === 0 ? '' : `${quantile(seconds, 0.5).toFixed(1)} s`,
      seconds.length === 0 ? '' : `${quantile(seconds, 1).toFixed(1)} s`,
      isGoal ? `${drill.goal?.seconds} s` : '',
      isGoal ? (drill.elsewhere?.notes ?? '') : '',
      isGoal ? (drill.elsewhere?.defaults ?? '') : '',
    ];
  };
  const [first = '', ...others] = figures;
  const all = [cells(drill.name, about, first), ...others.map((figure) => cells('', ['', '', ''], figure))];
  return all.map((row) => row.map(String));
}

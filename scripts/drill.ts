import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CannotRun, run } from './cli.ts';
import { clusterLayout, defaultClusterName } from './cluster/layout.ts';
import { passed, type Result } from './drill/drill.ts';
import { drills } from './drill/drills/drills.ts';
import { asJson, verdict } from './drill/report.ts';
import { runDrill } from './drill/run.ts';
import { openStage } from './drill/stage.ts';
import { timeline } from './drill/timeline.ts';

const help = `
Usage: npm run drill -- [--list] [--rounds N] [--json] [--name NAME] [DRILL ...]

Causes failures on purpose on the running embedded cluster, all or those that are named, under a steady load whose every
answer is counted, and puts everything back. Each run's JSON and timeline (SVG) go to the cluster's state folder.

  --list       what each drill does, and what must hold
  --rounds N   how often each is run (default 1)
  --json       the runs as JSON on standard output
  --name NAME  the embedded cluster of that name (default: ${defaultClusterName})

Exit code: 0 everything held, 1 something did not, 2 cannot run.
`;

const options = {
  list: { type: 'boolean' },
  rounds: { type: 'string' },
  json: { type: 'boolean' },
  name: { type: 'string' },
} as const;

await run({ help, options, positionals: true }, async (given, names) => {
  const { list, rounds = '1', json, name = defaultClusterName } = given;
  if (list === true) {
    process.stdout.write(`${drills.map(describe).join('\n')}\n`);
    return 0;
  }
  if (!/^[1-9]\d{0,2}$/.test(rounds)) {
    throw new CannotRun(`--rounds ${rounds}: give a number from 1 to 999.`);
  }
  const chosen = names.length === 0 ? drills : names.map(chosenDrill);
  const stage = await openStage(name);
  const results: Result[] = [];
  try {
    for (const drill of chosen) {
      for (let round = 0; round < Number(rounds); round += 1) {
        process.stderr.write(`\n${drill.name} (usually ${drill.usually}): ${drill.cause}\n`);
        const result = await runDrill(drill, stage, (line) => process.stderr.write(`${line}\n`));
        const file = await keep(name, result);
        process.stderr.write(`${verdict(drill, result)}\n    ${file}.svg\n`);
        results.push(result);
      }
    }
  } finally {
    await stage.end();
  }
  if (json === true) {
    process.stdout.write(`${JSON.stringify(results.map(asJson), null, 2)}\n`);
  }
  return results.every(passed) ? 0 : 1;
});

function chosenDrill(name: string) {
  const found = drills.find((drill) => drill.name === name);
  if (found === undefined) {
    throw new CannotRun(`there is no drill "${name}": ${drills.map((drill) => drill.name).join(', ')}.`);
  }
  return found;
}

function describe({ name, environment, cause, holds, usually }: (typeof drills)[number]): string {
  return `${name.padEnd(15)} ${environment}, ${usually}: ${cause}\n${' '.repeat(16)}must hold: ${holds}`;
}

/** Writes a run's JSON and picture; returns their path without its ending. */
async function keep(cluster: string, result: Result): Promise<string> {
  const folder = path.join(clusterLayout(cluster).state, 'drills');
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${result.drill}-${result.started.replaceAll(/[:.]/g, '-')}`);
  await writeFile(`${file}.json`, `${JSON.stringify(asJson(result), null, 2)}\n`);
  await writeFile(`${file}.svg`, timeline(result));
  return file;
}

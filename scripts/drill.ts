import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { thisMachine } from './bench/check/machine.ts';
import { CannotRun, run } from './cli.ts';
import { defaultClusterName } from './cluster/layout.ts';
import { type Drill, passed, type Result } from './drill/drill.ts';
import { drills } from './drill/drills/drills.ts';
import { drillsFolder, keep } from './drill/kept-runs.ts';
import { asJson, verdict } from './drill/report.ts';
import { readRuns, resilience } from './drill/resilience.ts';
import { runDrill } from './drill/run.ts';
import { openOwnStage, openStage, requireRoot, type Stage } from './drill/stage.ts';
import { type Environment, environments } from './environment.ts';
import { repoRoot } from './paths.ts';
import { interruption } from './until.ts';

const help = `
Usage: npm run drill -- [--list] [--rounds N] [--json] [--write] [--name NAME] [DRILL ...]
       npm run drill -- --context NAME --url ENVIRONMENT=URL ... [--repository URL] [DRILL ...]

Causes failures on purpose on the running embedded cluster, all or those that are named, under a steady load whose every
answer is counted, and puts everything back. Each run's JSON and timeline (SVG) go to the cluster's state folder.

  --list            what each drill does, and what must hold
  --rounds N        how often each is run (default 1)
  --json            the runs as JSON on standard output
  --write           writes docs/resilience.md from the last five runs of each drill, this one's among them
  --name NAME       the embedded cluster of that name (default: ${defaultClusterName})
  --context NAME    a cluster of your own, once you have typed its context's name: all drills that it can do. What they
                    push is put back by a commit
  --url E=URL       where that cluster's dev, staging and prod answer, for each environment that the drills need
  --repository URL  where you reach its repository, where that is not as its Argo CD does

Exit code: 0 everything held, 1 something did not, 2 cannot run.
`;

const options = {
  list: { type: 'boolean' },
  rounds: { type: 'string' },
  json: { type: 'boolean' },
  write: { type: 'boolean' },
  name: { type: 'string' },
  context: { type: 'string' },
  url: { type: 'string', multiple: true },
  repository: { type: 'string' },
} as const;

await run({ help, options, positionals: true }, async (given, names) => {
  const { list, rounds = '1', json, write, context, name = context ?? defaultClusterName } = given;
  if (list === true) {
    process.stdout.write(`${drills.map(describe).join('\n')}\n`);
    return 0;
  }
  if (!/^[1-9]\d{0,2}$/.test(rounds)) {
    throw new CannotRun(`--rounds ${rounds}: give a number from 1 to 999.`);
  }
  if (context !== undefined && (given.name !== undefined || write === true)) {
    throw new CannotRun('--context is a cluster of your own: --name and --write are for an embedded one.');
  }
  if (context === undefined && (given.url !== undefined || given.repository !== undefined)) {
    throw new CannotRun('--url and --repository say where a cluster of your own is: name it with --context.');
  }
  const possible = drills.filter(({ embeddedOnly }) => context === undefined || embeddedOnly !== true);
  const chosen = names.length === 0 ? possible : names.map((drill) => chosenDrill(drill, possible));
  const stage = context === undefined ? await openStage(name) : await openOwn(context, given, chosen);
  const results: Result[] = [];
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Once: a second one ends the program, whatever is not put back.
    process.once(signal, () => {
      process.stderr.write('\ninterrupted: putting things back. Once more ends this at once.\n');
      interrupted = true;
      interruption.begin();
    });
  }
  try {
    for (const drill of chosen) {
      for (let round = 0; round < Number(rounds) && !interrupted; round += 1) {
        process.stderr.write(`\n${drill.name} (usually ${drill.usually}): ${drill.cause}\n`);
        const result = await runDrill(drill, stage, (line) => process.stderr.write(`${line}\n`));
        const file = await keep(name, result);
        process.stderr.write(`${verdict(drill, result)}\n    ${file}.svg\n`);
        results.push(result);
        if (result.left !== undefined) {
          throw new CannotRun(`Not everything could be put back after ${drill.name}: ${result.left}`);
        }
      }
    }
  } finally {
    await stage.end();
  }
  if (write === true) {
    const file = path.join(repoRoot, 'docs/resilience.md');
    const before = await readFile(file, 'utf8').catch(() => '');
    const document = resilience(drills, await readRuns(drillsFolder(name)), await thisMachine(), before);
    await writeFile(file, document);
  }
  if (json === true) {
    process.stdout.write(`${JSON.stringify(results.map(asJson), null, 2)}\n`);
  }
  return results.every(passed) ? 0 : 1;
});

function chosenDrill(name: string, possible: Drill[]): Drill {
  const found = possible.find((drill) => drill.name === name);
  if (found === undefined) {
    const why = drills.some((drill) => drill.name === name)
      ? `only the embedded cluster can do "${name}"; yours can do`
      : `there is no drill "${name}": there are`;
    throw new CannotRun(`${why} ${possible.map((drill) => drill.name).join(', ')}.`);
  }
  return found;
}

async function openOwn(
  context: string,
  { url = [], repository }: { url?: string[] | undefined; repository?: string | undefined },
  chosen: Drill[],
): Promise<Stage> {
  const urls = Object.fromEntries(url.map(environmentUrl));
  await requireRoot(context);
  const unsaid = [...new Set(chosen.map(({ environment }) => environment))].filter(
    (environment) => urls[environment] === undefined,
  );
  if (unsaid.length > 0) {
    const missing = unsaid.map((environment) => `--url ${environment}=URL`).join(' ');
    throw new CannotRun(`Where does the service answer? Say ${missing}.`);
  }
  process.stderr.write(
    `${chosen.map(describe).join('\n')}\n\nThis breaks things on purpose on "${context}", and pushes to what it deploys.\n` +
      'Type the name of the context to go on: ',
  );
  const prompt = createInterface({ input: process.stdin });
  const { value: typed } = await prompt[Symbol.asyncIterator]().next();
  prompt.close();
  if (typed?.trim() !== context) {
    throw new CannotRun(`That is not "${context}": nothing was done.`);
  }
  return openOwnStage({ context, urls, repository });
}

function environmentUrl(given: string): [Environment, string] {
  const [, name = '', url = ''] = /^(\w+)=(https?:\/\/.*[^/])\/?$/.exec(given) ?? [];
  const environment = environments.find((candidate) => candidate === name);
  if (environment === undefined) {
    throw new CannotRun(`--url ${given}: give ${environments.join(', ')} and a URL, such as prod=https://….`);
  }
  return [environment, url];
}

function describe({ name, environment, cause, holds, usually }: Drill): string {
  return `${name.padEnd(15)} ${environment}, ${usually}: ${cause}\n${' '.repeat(16)}must hold: ${holds}`;
}

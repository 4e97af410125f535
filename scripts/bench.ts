import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { asJson, document, tables } from './bench/check/report.ts';
import { benchCheck, defaultSizes } from './bench/check.ts';
import { benchFlow, flowTable } from './bench/flow.ts';
import { benchPage, pageTable } from './bench/page.ts';
import { benchResources, resourcesTable } from './bench/resources.ts';
import { CannotRun, run } from './cli.ts';
import { defaultClusterName } from './cluster/layout.ts';
import { repoRoot } from './paths.ts';

const help = `
Usage: npm run bench -- flow [--rounds N] [--json]
       npm run bench -- resources [--name NAME] [--json]
       npm run bench -- page [--objects N] [--name NAME] [--json]
       npm run bench -- check [--objects N,...] [--rounds N] [--json] [--write]

  flow       push → Synced, push → every replica ready, drift → healed; on a cluster of its own, begun from nothing and
             taken away again
  resources  what prod's pods use of CPU and memory at 0, 40 and 200 requests a second; on the running cluster
  page       memory of the status page, time to load it and until a change is sent; on the running cluster, as it is and
             with 10,000 objects more
  check      time and memory of \`npm run check\` and of kubeconform with conftest, kube-score and Kyverno, on the same
             objects and rules, once their verdicts are known to be right

  --rounds N       how often each is done (default: flow 20; check 5, and 3 from 10,000 objects on)
  --objects N,...  how many objects check judges, one file each (default ${defaultSizes.join(',')}), or page has more
  --name NAME      the embedded cluster of that name (default: ${defaultClusterName})
  --json           what was measured instead of the table
  --write          writes docs/benchmarks.md as well

Exit code: 0 measured, 2 cannot run.
`;

const options = {
  rounds: { type: 'string' },
  objects: { type: 'string' },
  name: { type: 'string' },
  json: { type: 'boolean' },
  write: { type: 'boolean' },
} as const;

await run({ help, options, positionals: true }, async (values, [subject]) => {
  const { rounds, objects, name, json = false, write = false } = values;
  if (name !== undefined && subject !== 'resources' && subject !== 'page') {
    throw new CannotRun('--name is for "resources" and "page". See --help.');
  }
  const times = rounds === undefined ? undefined : whole('--rounds', rounds, 9999);
  if (subject === 'flow') {
    if (objects !== undefined || write) {
      throw new CannotRun('--objects and --write are for "check". See --help.');
    }
    const series = await benchFlow(times ?? 20);
    process.stdout.write(`${json ? JSON.stringify(series, null, 2) : flowTable(series)}\n`);
    return 0;
  }
  if (subject === 'resources') {
    if (times !== undefined || objects !== undefined || write) {
      throw new CannotRun('--rounds, --objects and --write are not for "resources". See --help.');
    }
    const uses = await benchResources(name ?? defaultClusterName);
    process.stdout.write(`${json ? JSON.stringify(uses, null, 2) : resourcesTable(uses)}\n`);
    return 0;
  }
  if (subject === 'page') {
    if (times !== undefined || write) {
      throw new CannotRun('--rounds and --write are not for "page". See --help.');
    }
    const more = whole('--objects', objects ?? '10000', 100_000);
    const uses = await benchPage(name ?? defaultClusterName, more);
    process.stdout.write(`${json ? JSON.stringify(uses, null, 2) : pageTable(uses)}\n`);
    return 0;
  }
  if (subject !== 'check') {
    throw new CannotRun(
      `${subject ?? 'nothing'} cannot be measured: say "flow", "resources", "page" or "check". See --help.`,
    );
  }
  const sizes = objects?.split(',').map((size) => whole('--objects', size, 1_000_000, 10)) ?? defaultSizes;
  const benchmark = await benchCheck(sizes, times);
  if (write) {
    const command = ['npm run bench -- check', ...process.argv.slice(3)].join(' ');
    await writeFile(path.join(repoRoot, 'docs/benchmarks.md'), document(benchmark, command));
  }
  process.stdout.write(`${json ? asJson(benchmark) : tables(benchmark)}\n`);
  return 0;
});

function whole(option: string, given: string, most: number, least = 1): number {
  if (!/^[1-9]\d{0,6}$/.test(given) || Number(given) > most || Number(given) < least) {
    throw new CannotRun(`${option} ${given}: give a number from ${least} to ${most}.`);
  }
  return Number(given);
}

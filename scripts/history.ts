import { CannotRun, run } from './cli.ts';
import { defaultClusterName } from './cluster/layout.ts';
import { colour, columns, shorten, span } from './columns.ts';
import { environmentNamed } from './environment.ts';
import { repoRoot } from './paths.ts';
import { howItDid } from './release/commit-statuses.ts';
import { type Journey, journeys } from './release/journey.ts';
import { statusesHelp, statusSource } from './release/status-source.ts';
import { called } from './release/versions.ts';

const help = `
Usage: npm run history -- [--limit N] [--offline] [--json] ENVIRONMENT

What an environment ran and when, who brought it there, how it did, and how long each step took on the way from the
service's commit to Healthy: from Git, and from what Argo CD's notifications said of the commits.

  --limit N                the last N versions (default: 10)
  --offline                from Git alone: nothing is said of how they did
${statusesHelp}
  --name NAME              the embedded cluster of that name (default: ${defaultClusterName})
  --context NAME           the cluster of that kubectl context
  --json                   an array of {digest, revision, about, commit, author, committed, until, ran, steps, leadTime}

Exit code: 0 told, 2 it cannot run.
`;

await run(
  {
    help,
    options: {
      limit: { type: 'string' },
      offline: { type: 'boolean' },
      statuses: { type: 'string' },
      name: { type: 'string' },
      context: { type: 'string' },
      json: { type: 'boolean' },
    },
    positionals: true,
  },
  async ({ limit = '10', offline, json, ...choice }, [name, ...more]) => {
    if (more.length > 0) {
      throw new CannotRun(`unexpected argument "${more[0]}": see --help.`);
    }
    const environment = environmentNamed(name, 'ENVIRONMENT');
    if (!/^[1-9]\d{0,4}$/.test(limit)) {
      throw new CannotRun(`--limit ${limit}: a whole number from 1 on.`);
    }
    const source = offline === true ? undefined : await statusSource(repoRoot, choice);
    if (source === undefined && offline !== true) {
      process.stderr.write(
        'What Argo CD said of the commits is not known here: give --statuses URL, or start the cluster.\n',
      );
    }
    const found = await journeys(repoRoot, environment, source, Number(limit)).catch((error: Error) => {
      if (error.name === 'CannotRun' || source === undefined) {
        throw error;
      }
      throw new CannotRun(
        `${source.url} cannot be asked (${error.message}): --offline tells what Git knows.`,
      );
    });
    if (json === true) {
      process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    } else if (found.length === 0) {
      process.stdout.write(`${environment} was never pinned to a version: it follows a tag.\n`);
    } else {
      process.stdout.write(`${[...table(found), '', ...ways(found)].join('\n').trimEnd()}\n`);
    }
    return 0;
  },
);

function table(found: Journey[]): string[] {
  const head = ['VERSION', 'ABOUT', 'SINCE', 'RAN FOR', 'BY', 'HOW IT DID', 'LEAD TIME'];
  return columns([
    head,
    ...found.map((version) => [
      called(version),
      shorten(version.about ?? '-', 40),
      version.committed.slice(0, 16).replace('T', ' '),
      span(
        (version.until === undefined ? Date.now() : Date.parse(version.until)) -
          Date.parse(version.committed),
      ),
      version.author,
      told(version),
      version.leadTime === undefined ? '-' : span(version.leadTime * 1000),
    ]),
  ]);
}

function told({ ran, committed }: Journey): string {
  const { said, isGood } = howItDid(ran, committed);
  return ran.last === undefined ? said : colour(said, isGood);
}

/** `4f2a91c: committed by Ada, 3m in dev by Ada, 12s Healthy in dev, ...`: each time since the step before. */
function ways(found: Journey[]): string[] {
  return found.map((version) => {
    const steps = version.steps.map(({ what, at, by }, index) => {
      const before = version.steps[index - 1];
      const after = before === undefined ? '' : ` after ${span(Date.parse(at) - Date.parse(before.at))}`;
      return `${what}${by === undefined ? '' : ` by ${by}`}${after}`;
    });
    return `${called(version)}: ${steps.join(', ')}`;
  });
}

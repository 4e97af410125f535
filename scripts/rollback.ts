import { styleText } from 'node:util';
import { CannotRun, run } from './cli.ts';
import { terminalDifference } from './diff/formats/terminal.ts';
import { type Environment, environmentNamed } from './environment.ts';
import { repoRoot } from './paths.ts';
import { carryOut } from './release/carry-out.ts';
import { git } from './release/commit.ts';
import { type Journey, journeys } from './release/journey.ts';
import { type IncompatibleStatement, migrationsBetween } from './release/migrations.ts';
import { asked, options, optionsHelp } from './release/options.ts';
import { proposeRollback } from './release/promotion.ts';
import { report } from './release/report.ts';
import { short } from './release/running.ts';
import { statusesHelp, statusSource } from './release/status-source.ts';
import { type Version, versionsOf } from './release/versions.ts';

const help = `
Usage: npm run rollback -- [--to COMMIT | --offline] [--dry-run | --push REMOTE] [--json] ENVIRONMENT

Takes an environment back to the last version before that was Healthy there: its digest and release.yaml; what else was
changed since stays. Shows what changes, warns of migrations that the older version cannot live with, and commits it.

  --to COMMIT              to the version that the environment was pinned to at that commit, however it did
  --offline                to the version before, however it did
${statusesHelp}
${optionsHelp}

Exit code: 0 committed, 2 refused, or it cannot run.
`;

await run(
  {
    help,
    options: {
      ...options,
      to: { type: 'string' },
      offline: { type: 'boolean' },
      statuses: { type: 'string' },
    },
    positionals: true,
  },
  async ({ to, offline, statuses, name, context, json, ...given }, [first, ...more]) => {
    if (more.length > 0) {
      throw new CannotRun(`unexpected argument "${more[0]}": see --help.`);
    }
    const environment = environmentNamed(first, 'ENVIRONMENT');
    const wanted = asked(given);
    const versions = await versionsOf(repoRoot, environment);
    const current = versions[0];
    if (current === undefined) {
      throw new CannotRun(`${environment} was never pinned to a version: there is none to go back to.`);
    }
    const tell = report(json === true);
    const target =
      to !== undefined
        ? await versionAt(versions, environment, to)
        : offline === true
          ? other(versions, current, environment)
          : await lastHealthy(environment, { statuses, name, context }, tell.say);
    const { proposal, ...version } = await proposeRollback(repoRoot, environment, target);
    if (proposal === undefined) {
      throw new CannotRun(
        `${environment} is pinned to ${called(target)} at HEAD: that would change nothing.`,
      );
    }
    const undoing = await undoingOf(current, target);
    tell.say(`from ${called(current)} (${current.subject}) back to ${called(target)} (${target.subject})`);
    for (const line of warning(undoing, current, target)) {
      tell.say(line);
    }
    const done = await carryOut(repoRoot, environment, proposal, wanted, (difference) =>
      tell.say(terminalDifference(difference, styleText('bold', '.') !== '.')),
    );
    tell.done(done, wanted);
    tell.end({
      ...version,
      environment,
      from: current,
      to: target,
      migrations: undoing ?? null,
      ...done,
      commit: done.commit ?? null,
    });
    return 0;
  },
);

function called({ revision, digest }: Version): string {
  return revision?.slice(0, 7) ?? short(digest);
}

function other(versions: Version[], current: Version, environment: Environment): Version {
  const before = versions.find(({ digest }) => digest !== current.digest);
  if (before === undefined) {
    throw new CannotRun(`${called(current)} is the only version that ${environment} was ever pinned to.`);
  }
  return before;
}

async function versionAt(versions: Version[], environment: Environment, to: string): Promise<Version> {
  const commit = await git(
    repoRoot,
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${to}^{commit}`,
  ).catch(() => {
    throw new CannotRun(`--to ${to}: git knows no such commit.`);
  });
  const [found] = await versionsOf(repoRoot, environment, commit);
  if (found === undefined) {
    const known = versions.map(
      (version) => `  ${version.commit.slice(0, 10)} ${called(version)} ${version.subject}`,
    );
    throw new CannotRun(
      `--to ${to}: ${environment} was pinned to no version there. There are:\n${known.join('\n')}`,
    );
  }
  return found;
}

async function lastHealthy(
  environment: Environment,
  choice: { statuses?: string | undefined; name?: string | undefined; context?: string | undefined },
  say: (line: string) => void,
): Promise<Version> {
  const source = await statusSource(repoRoot, choice);
  const otherwise = 'give --statuses URL, --to COMMIT, or --offline for the version before.';
  if (source === undefined) {
    throw new CannotRun(`Which versions were Healthy is not known here: ${otherwise}`);
  }
  const found = await journeys(repoRoot, environment, source, 50).catch((error: Error) => {
    throw new CannotRun(`${source.url} cannot be asked (${error.message}): ${otherwise}`);
  });
  const [current, ...before] = found;
  const healthy = before.find(
    ({ digest, ran }) => digest !== current?.digest && ran.last?.state === 'success',
  );
  for (const version of before.slice(0, healthy === undefined ? before.length : before.indexOf(healthy))) {
    if (version.digest !== current?.digest) {
      say(`passed over: ${called(version)}, ${why(version)}`);
    }
  }
  if (healthy === undefined) {
    throw new CannotRun(
      `No version before ${current === undefined ? '' : called(current)} is known to have been Healthy in ${environment}: ${otherwise}`,
    );
  }
  return healthy;
}

function why({ ran: { last } }: Journey): string {
  return last === undefined
    ? 'of which nothing was said'
    : `which ended as ${last.state}: ${last.description}`;
}

/** Undefined where it is not known which commits the versions were built from. */
async function undoingOf(current: Version, target: Version): Promise<IncompatibleStatement[] | undefined> {
  return current.revision === undefined || target.revision === undefined
    ? undefined
    : migrationsBetween(repoRoot, current.revision, target.revision);
}

function warning(undoing: IncompatibleStatement[] | undefined, current: Version, target: Version): string[] {
  if (undoing === undefined) {
    return [
      `Not known: whether migrations lie between ${called(current)} and ${called(target)}, as one of them says no revision.`,
    ];
  }
  return undoing.length === 0
    ? []
    : [
        `${called(target)} may not work on the database as ${called(current)} left it; a rollback undoes no migration:`,
        ...undoing.map(({ file, statement, why }) => `  ${file}: ${statement}: ${why}`),
      ];
}

import { CannotRun, run } from './cli.ts';
import { environmentNamed } from './environment.ts';
import { repoRoot } from './paths.ts';
import { carryOut } from './release/carry-out.ts';
import { type IncompatibleStatement, migrationsBetween } from './release/migrations.ts';
import { asked, options, optionsHelp, requireOneSource } from './release/options.ts';
import { proposeRollback } from './release/promotion.ts';
import { report } from './release/report.ts';
import { lastHealthy, versionAt, versionBefore } from './release/rollback-target.ts';
import { statusesHelp } from './release/status-source.ts';
import { called, type Version, versionsOf } from './release/versions.ts';

const help = `
Usage: npm run rollback -- [--to COMMIT | --offline] [--dry-run | --push REMOTE] [--json] ENVIRONMENT

Takes an environment back to the last version before that was Healthy there: its digest and release.yaml; what else was
changed since stays. Shows what changes, warns of migrations that the older version cannot live with, and commits it.

  --to COMMIT              to the version that the environment was pinned to at that commit, however it did
  --offline                to the version before, however it did
${statusesHelp}
${optionsHelp()}

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
    if (to !== undefined && offline === true) {
      throw new CannotRun('--to says which version, and --offline the one before: leave one of them away.');
    }
    requireOneSource(offline, { name, context });
    const environment = environmentNamed(first, 'ENVIRONMENT');
    const wanted = asked(given);
    const tell = report(json === true);
    const versions = await versionsOf(repoRoot, environment);
    const current = versions[0];
    if (current === undefined) {
      throw new CannotRun(`${environment} was never pinned to a version: there is none to go back to.`);
    }
    const found =
      to !== undefined
        ? await versionAt(repoRoot, environment, to)
        : offline === true
          ? versionBefore(versions, environment)
          : await lastHealthy(repoRoot, environment, { statuses, name, context }, tell.say);
    const { version: target, at } = found;
    const { proposal, ...version } = await proposeRollback(repoRoot, environment, target, at);
    if (proposal === undefined) {
      throw new CannotRun(
        `${environment} is pinned to ${called(target)} at HEAD: that would change nothing.`,
      );
    }
    tell.say(`from ${called(current)} (${current.subject}) back to ${called(target)} (${target.subject})`);
    const migrations =
      current.revision === undefined || target.revision === undefined
        ? undefined
        : await migrationsBetween(repoRoot, current.revision, target.revision).catch(unknown);
    for (const line of warning(migrations, current, target)) {
      tell.say(line);
    }
    const done = await carryOut(repoRoot, environment, proposal, wanted, tell.difference);
    tell.done(done, wanted);
    const between = { from: current, to: target, migrations: migrations ?? null };
    tell.end({ ...version, environment, ...between, ...done, commit: done.commit ?? null });
    return 0;
  },
);

/** A commit that is not here, as who released it has not pushed it, is no reason to stay with a bad version. */
function unknown(error: unknown): undefined {
  if (!(error instanceof CannotRun)) {
    throw error;
  }
}

/** Undefined migrations are not known: one of the versions says no commit that is here. */
function warning(
  migrations: IncompatibleStatement[] | undefined,
  current: Version,
  target: Version,
): string[] {
  if (migrations === undefined) {
    return [
      `Whether migrations lie between ${called(current)} and ${called(target)} is not known: see release.yaml.`,
    ];
  }
  return migrations.length === 0
    ? []
    : [
        `${called(target)} may not work on the database as ${called(current)} left it; a rollback undoes no migration:`,
        ...migrations.map(({ file, line, why }) => `  ${file}:${line}: ${why}`),
      ];
}

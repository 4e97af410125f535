import { CannotRun, run } from './cli.ts';
import { environmentNamed } from './environment.ts';
import { repoRoot } from './paths.ts';
import { carryOut } from './release/carry-out.ts';
import { asked, clusterOf, options, optionsHelp, requireOneSource } from './release/options.ts';
import { proposePromotion } from './release/promotion.ts';
import { report } from './release/report.ts';
import { requireHealthy, requirePushed, requireThere } from './release/running.ts';

const help = `
Usage: npm run promote -- [--offline] [--dry-run | --push REMOTE] [--json] FROM TO

Takes the version that FROM runs to the next environment, dev to staging or staging to prod: its digest and release.yaml,
the file that goes with a version, and nothing else. Asks the cluster whether FROM runs it Healthy, shows what changes, and
commits it.

  --offline                asks no cluster, but Git: that the version was pushed to FROM
${optionsHelp()}

Exit code: 0 committed, or there already; 2 refused, or it cannot run.
`;

await run(
  { help, options: { ...options, offline: { type: 'boolean' } }, positionals: true },
  async ({ offline, name, context, json, ...given }, positionals) => {
    const [first, second, ...more] = positionals;
    if (more.length > 0) {
      throw new CannotRun(`unexpected argument "${more[0]}": see --help.`);
    }
    const from = environmentNamed(first, 'FROM');
    const to = environmentNamed(second, 'TO');
    const wanted = asked(given);
    requireOneSource(offline, { name, context });
    const { proposal, pinned, ...version } = await proposePromotion(repoRoot, from, to);
    const tell = report(json === true);
    const evidence =
      offline === true
        ? await requirePushed(repoRoot, from, pinned.commit)
        : await requireHealthy(await clusterOf({ name, context }), from, version.digest, tell.say);
    tell.say(`${evidence.by} says: ${evidence.said}`);
    if (proposal === undefined) {
      await requireThere(repoRoot, wanted.push, to, version.digest);
      tell.say(`${to} has it already.`);
      tell.end({ ...version, from, to, evidence, commit: null, pushed: false });
      return 0;
    }
    const done = await carryOut(repoRoot, to, proposal, wanted, tell.difference);
    tell.done(done, wanted);
    tell.end({ ...version, from, to, evidence, ...done, commit: done.commit ?? null });
    return 0;
  },
);

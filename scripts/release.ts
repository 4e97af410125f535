import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { CannotRun, run } from './cli.ts';
import { defaultClusterName } from './cluster/layout.ts';
import { environments } from './environment.ts';
import { imageInputs, imageRevision } from './gitops/app-image.ts';
import { repoRoot } from './paths.ts';
import { carryOut, requireOpen } from './release/carry-out.ts';
import { git } from './release/commit.ts';
import { asked, options, optionsHelp } from './release/options.ts';
import { pinFile } from './release/pin.ts';
import {
  buildRelease,
  type Destination,
  proposeRelease,
  pushRelease,
  requireRegistry,
} from './release/release.ts';
import { releaseFile } from './release/release-settings.ts';
import { report } from './release/report.ts';
import { requireThere } from './release/running.ts';

const help = `
Usage: npm run release -- [--skip-tests] [--no-cache] [--registry --key KEY] [--sbom FILE] [--dry-run | --push REMOTE] [--json]

Runs the tests, builds the service's image from the last commit that touched it, pushes it, its signature and its SBOM to
the registry, and pins ${environments[0]} to its digest by a commit. The same commit on the same base makes the same digest. The tests want a
clean working tree, as they would run on what the image has not.

  --skip-tests             builds without "npm test", which otherwise must pass
  --no-cache               has npm install the service's packages anew
  --registry               pushes to the registry that base/registry names, as whom "buildah login" knows, in place of
                           the embedded cluster's, whose own key signs there
  --key KEY                what cosign signs with for --registry: a file of "cosign generate-key-pair", whose password is
                           in COSIGN_PASSWORD or asked for, or a reference such as awskms:///alias/NAME
  --sbom FILE              writes the SBOM (CycloneDX 1.6, JSON) into a file too
${optionsHelp('builds, shows the digest and what would change; pushes and commits nothing')}

Exit code: 0 committed, or pinned already; 1 the tests fail; 2 refused, or it cannot run.
`;

await run(
  {
    help,
    options: {
      ...options,
      'skip-tests': { type: 'boolean' },
      'no-cache': { type: 'boolean' },
      registry: { type: 'boolean' },
      key: { type: 'string' },
      sbom: { type: 'string' },
    },
  },
  async ({ 'skip-tests': skip, 'no-cache': anew, registry, key, sbom, name, context, json, ...given }) => {
    const wanted = asked(given);
    const revision = await imageRevision(repoRoot);
    if (revision === undefined) {
      throw new CannotRun('git knows no commit of the service here: release from a clone.');
    }
    if (registry === true && name !== undefined) {
      throw new CannotRun(
        '--registry pushes to the real one, --name to an embedded one: leave one of them away.',
      );
    }
    const tell = report(json === true);
    const to = destination(registry === true || context !== undefined, key, name);
    await requireOpen(
      repoRoot,
      environments[0],
      [pinFile(environments[0]), releaseFile(environments[0])],
      wanted,
    );
    if ('cluster' in to && !wanted.dryRun) {
      await requireRegistry(to.cluster);
    }
    if (skip !== true && !(await tested())) {
      return 1;
    }
    const open = await git(repoRoot, 'status', '--porcelain', '--', ...imageInputs);
    if (open !== '') {
      tell.say(`Not committed, and not in the image:\n${open}`);
    }
    process.stderr.write(`building quote-app ${revision.short} (usually 5 to 30 s)\n`);
    const built = await buildRelease(revision, anew !== true);
    tell.say(`${built.image}@${built.digest}`);
    if (sbom !== undefined) {
      await writeFile(path.resolve(sbom), built.sbom);
      tell.say(`SBOM: ${sbom}`);
    }
    const proposal = await proposeRelease(repoRoot, built.digest, revision);
    if (!wanted.dryRun) {
      await pushRelease(built, to);
      tell.say('pushed and signed, its SBOM beside it');
    }
    const result = { image: built.image, digest: built.digest, revision: revision.commit };
    if (proposal === undefined) {
      await requireThere(repoRoot, wanted.push, environments[0], built.digest);
      tell.say(`${environments[0]} is pinned to it already.`);
      tell.end({ ...result, commit: null, pushed: false });
      return 0;
    }
    const done = await carryOut(repoRoot, environments[0], proposal, wanted, tell.difference);
    tell.done(done, wanted);
    tell.end({ ...result, ...done, commit: done.commit ?? null });
    return 0;
  },
);

/** Where the image goes. @throws {CannotRun} where nobody would sign it there, or two would */
function destination(real: boolean, key: string | undefined, name: string | undefined): Destination {
  if (!real) {
    if (key !== undefined) {
      throw new CannotRun(
        "--key goes with --registry: the embedded cluster's own key signs what it is given.",
      );
    }
    return { cluster: name ?? defaultClusterName };
  }
  if (key === undefined) {
    throw new CannotRun(
      'Say which key signs the image: --key FILE, of "cosign generate-key-pair", or one in a KMS (--help).',
    );
  }
  return { key };
}

/** Whether the tests pass, of what is built: with other changes in the tree they would say nothing of it. */
async function tested(): Promise<boolean> {
  const changed = await git(repoRoot, 'status', '--porcelain');
  if (changed !== '') {
    throw new CannotRun(
      `The tests would run on what is not committed, and the image is built from the commit:\n${changed}\n` +
        'Commit or stash it, or build without them: --skip-tests.',
    );
  }
  process.stderr.write('npm test (usually 8 min)\n');
  const test = [path.join(repoRoot, 'scripts/run.mjs'), 'test'];
  const { exitCode } = await execa(process.execPath, test, {
    stdin: 'ignore',
    // Standard output is the result's.
    stdout: process.stderr,
    stderr: 'inherit',
    reject: false,
  });
  if (exitCode === 1) {
    process.stderr.write('The tests fail: nothing is released.\n');
    return false;
  }
  if (exitCode !== 0) {
    throw new CannotRun('"npm test" could not run: see above.');
  }
  return true;
}

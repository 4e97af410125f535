import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { execa } from 'execa';
import { check } from '../scripts/check/check.ts';
import { writeGenerated } from '../scripts/check/generated.ts';
import type { Difference } from '../scripts/diff/model.ts';
import type { Environment } from '../scripts/environment.ts';
import { appImageName } from '../scripts/gitops/app-image.ts';
import { isFine } from '../scripts/gitops/status.ts';
import { repoRoot } from '../scripts/paths.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import type { CommitStatus } from '../scripts/release/commit-statuses.ts';
import type { Journey } from '../scripts/release/journey.ts';
import { until } from '../scripts/until.ts';

/** A clone as a developer has it, whose origin is what the cluster deploys. */
type Developer = {
  folder: string;
  git(...args: string[]): Promise<string>;
  edit(file: string, from: string | RegExp, to: string): Promise<void>;
  /** Runs a verb with --json. */
  run(
    name: string,
    args: string[],
  ): Promise<{ stdout: string; stderr: string; exitCode?: number | undefined }>;
  /** Runs a verb; returns its JSON. */
  verb<T>(name: string, ...args: string[]): Promise<T>;
  /** Runs a verb that cannot; returns what it says. */
  refused(name: string, ...args: string[]): Promise<string>;
};

type Made = { digest: string; commit: string };

const service = 'service/package.json';
const freezes = 'policies/freezes.yaml';

/** One change from its commit to prod and back, and each wrong turn on the way. */
export function fromCommitToProd(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  const versionIn = async (environment: Environment) => {
    const answer = await fetch(`${rehearsal().urls[environment]}/version`).catch(() => undefined);
    return answer?.ok === true ? ((await answer.json()) as { version: string }).version : '';
  };
  const runs = (environment: Environment, version: string) =>
    until(
      `${version} Healthy in ${environment}`,
      async () => {
        const { image: _, ...status } = await rehearsal().status(environment);
        return (
          (await versionIn(environment)) === version &&
          isFine(status) &&
          status.replicas.ready >= status.replicas.wanted
        );
      },
      180,
    );
  const toProd = async (developer: Developer) => {
    await developer.verb<Made>('promote', 'dev', 'staging', '--push', 'origin');
    await runs('staging', await versionIn('dev'));
    const made = await developer.verb<Made>('promote', 'staging', 'prod', '--push', 'origin');
    await runs('prod', await versionIn('dev'));
    return made;
  };

  promise(
    'a change goes from its commit to dev, staging and prod by a release and two promotions, each a commit of its own',
    async (t) => {
      const ada = await developerOf(t, rehearsal(), 'Ada');
      await changeService(ada, '2.0.0');
      const released = await ada.verb<Made>('release', '--skip-tests', '--push', 'origin');
      // What staging pins was never in this registry: something else runs there, and that goes nowhere.
      assert.match(
        await ada.refused('promote', 'staging', 'prod'),
        /staging does not run sha256:\w+ Healthy: it runs sha256:/,
      );
      assert.match(
        await ada.refused('promote', 'dev', 'prod'),
        /From dev a version goes to staging, not to prod/,
      );
      await runs('dev', '2.0.0');
      await ada.edit('README.md', /^/, '<!-- not committed -->\n');
      const promoted = await toProd(ada);
      assert.match(await ada.git('status', '--porcelain'), /^ M README.md$/);
      assert.equal(promoted.digest, released.digest);
      const files = await ada.git('show', '--format=', '--name-only', promoted.commit);
      assert.equal(files, 'overlays/prod/kustomization.yaml\noverlays/prod/release.yaml');
      for (const what of ['sig', 'att']) {
        const tag = `${released.digest.replace(':', '-')}.${what}`;
        assert.ok(await registryHas(rehearsal(), tag), `what cosign looks for as ${tag}`);
      }
      const again = await ada.verb<Made>('release', '--skip-tests', '--no-cache', '--dry-run');
      assert.equal(again.digest, released.digest, 'built anew, with every package installed again');

      const statuses = `${new URL(rehearsal().urls.git).origin}/repos/quotes/quotes/commits/${promoted.commit}/statuses`;
      await until('Argo CD to report it', async () => {
        const reported = (await (await fetch(statuses)).json()) as CommitStatus[];
        return reported.find(({ context }) => context === 'argocd/prod')?.state === 'success';
      });
      let version: Journey | undefined;
      await until('it to have stayed Healthy', async () => {
        [version] = await ada.verb<Journey[]>('history', 'prod');
        return version?.leadTime !== undefined;
      });
      assert.deepEqual(
        version?.steps.map(({ what, by }) => [what, by]),
        [
          ['committed', 'Ada'],
          ['in dev', 'Ada'],
          ['Healthy in dev', undefined],
          ['in staging', 'Ada'],
          ['Healthy in staging', undefined],
          ['in prod', 'Ada'],
          ['Healthy in prod', undefined],
        ],
      );
      t.diagnostic(`commit → Healthy in prod: ${version?.leadTime} s; ${JSON.stringify(version?.steps)}`);
    },
  );

  promise(
    'of two who promote at once, one does, and the other is told who; what lies beside is put on top',
    async (t) => {
      const [ada, grace] = [
        await developerOf(t, rehearsal(), 'Ada'),
        await developerOf(t, rehearsal(), 'Grace'),
      ];
      await changeService(ada, '2.1.0');
      await ada.verb<Made>('release', '--skip-tests', '--push', 'origin');
      await runs('dev', '2.1.0');
      await grace.git('pull', '--quiet', '--rebase', 'origin', 'main');
      await ada.verb<Made>('promote', 'dev', 'staging', '--push', 'origin');
      const before = await grace.git('rev-parse', 'HEAD');
      assert.match(
        await grace.refused('promote', 'dev', 'staging', '--push', 'origin'),
        /Ada: Promote quote-app \w+ to staging/,
      );
      assert.equal(await grace.git('rev-parse', 'HEAD'), before);
      await runs('staging', '2.1.0');
      await grace.git('pull', '--quiet', '--rebase', 'origin', 'main');
      await ada.git('commit', '--quiet', '--allow-empty', '--message=beside');
      await ada.git('push', '--quiet', 'origin', 'HEAD:main');
      await grace.verb<Made>('promote', 'staging', 'prod', '--push', 'origin');
      assert.match(await grace.git('log', '-2', '--format=%s'), /^Promote quote-app \w+ to prod\nbeside$/);
      await runs('prod', '2.1.0');
    },
  );

  promise(
    'a version that is not Healthy goes nowhere; a rollback goes to the last one that was, without a word to Argo CD',
    async (t) => {
      const ada = await developerOf(t, rehearsal(), 'Ada');
      await ada.edit('service/src/main.ts', /^/, "throw new Error('this version is broken');\n");
      await changeService(ada, '2.2.0');
      await ada.verb<Made>('release', '--skip-tests', '--push', 'origin');
      await until('dev on the broken version', async () => !isFine(await rehearsal().status('dev')));
      assert.match(await ada.refused('promote', 'dev', 'staging'), /dev does not run sha256:\w+ Healthy: /);
      const back = await ada.verb<Made & { from: { subject: string } }>(
        'rollback',
        'prod',
        '--push',
        'origin',
      );
      await runs('prod', '2.0.0');
      assert.match(await ada.git('log', '-1', '--format=%s', back.commit), /^Roll prod back to quote-app/);
      await ada.verb<Made>('rollback', 'dev', '--push', 'origin');
      await runs('dev', '2.1.0');
      const { report } = await check(ada.folder, [], () => {}, {}, {});
      assert.deepEqual(report.findings, []);
    },
  );

  promise(
    'diff --live says what a push would change in the cluster, and what kube-apiserver would refuse',
    async (t) => {
      const ada = await developerOf(t, rehearsal(), 'Ada');
      const live = async () => {
        const { stdout, exitCode } = await ada.run('diff', ['--live']);
        const { parts } = JSON.parse(stdout) as Difference;
        const objects = parts.flatMap(({ objects }) => objects);
        return {
          exitCode,
          changes: objects.map(({ key, impact, fields }) => [key, impact, ...fields.map(({ path }) => path)]),
        };
      };
      assert.deepEqual(await live(), { exitCode: 0, changes: [] });
      await ada.edit('overlays/prod/horizontal-pod-autoscaler.yaml', 'maxReplicas: 6', 'maxReplicas: 7');
      await ada.edit('overlays/dev/priority-class.yaml', 'value: 1000\n', 'value: 1001\n');
      assert.deepEqual(await live(), {
        exitCode: 1,
        changes: [
          ['PriorityClass/dev', 'immutable'],
          ['HorizontalPodAutoscaler/quote-app in prod', 'scale-up', 'spec.maxReplicas'],
        ],
      });
    },
  );

  promise('a digest that staging never had is stopped by the check before prod has it', async (t) => {
    const ada = await developerOf(t, rehearsal(), 'Ada');
    await ada.git('switch', '--quiet', '--create', 'unseen');
    await ada.edit('overlays/prod/kustomization.yaml', /digest: \S+/, `digest: sha256:${'1'.repeat(64)}`);
    await ada.git('commit', '--quiet', '--all', '--message=prod first');
    const { report } = await check(ada.folder, [], () => {}, {}, {});
    assert.deepEqual(
      report.findings.map(({ rule, file }) => [rule, file]),
      [['unpromoted-digest', 'overlays/prod/kustomization.yaml']],
    );
  });

  promise(
    'while prod is frozen nothing reaches it by verb, pull request or push, but what is let through in writing',
    async (t) => {
      const ada = await developerOf(t, rehearsal(), 'Ada');
      const hour = 3_600_000;
      const minute = (at: number) =>
        new Date(Math.floor(at / 60_000) * 60_000).toISOString().replace('.000Z', 'Z');
      const freeze = {
        name: 'e2e',
        environments: ['prod'],
        from: minute(Date.now() - hour),
        to: minute(Date.now() + hour),
        reason: 'shown to hold',
      };
      await ada.edit(freezes, /^freezes:.*$/m, `freezes:\n  - ${JSON.stringify(freeze)}`);
      await writeGenerated(ada.folder, () => {});
      await ada.git('commit', '--quiet', '--all', '--message=Freeze prod');
      await ada.git('push', '--quiet', 'origin', 'HEAD:main');
      const windows = () => rehearsal().field('argocd', 'appproject/prod', '{.spec.syncWindows[*].kind}');
      await until('the window in the project', async () => (await windows()) === 'deny');

      assert.match(
        await ada.refused('promote', 'staging', 'prod'),
        /prod is frozen \(policies\/freezes.yaml\):\n {2}e2e until/,
      );
      assert.match(await ada.refused('rollback', 'prod', '--offline'), /prod is frozen/);
      await ada.git('switch', '--quiet', '--create', 'during');
      await ada.edit('overlays/prod/horizontal-pod-autoscaler.yaml', 'maxReplicas: 6', 'maxReplicas: 7');
      const { report } = await check(ada.folder, [], () => {}, {}, {});
      assert.deepEqual(
        report.findings.map(({ rule }) => rule),
        ['freeze'],
      );
      // Pushed past the check, it waits for the freeze to end.
      await ada.git('commit', '--quiet', '--all', '--message=prod: seven');
      await ada.git('push', '--quiet', 'origin', 'HEAD:main');
      await until(
        'Argo CD to have seen it',
        async () => (await rehearsal().status('prod')).sync === 'OutOfSync',
      );
      const { problems } = await rehearsal().status('prod');
      assert.match(problems.join('\n'), /^frozen until \S+: e2e: shown to hold: nothing is synced/m);
      const most = () =>
        rehearsal().field('prod', 'horizontalpodautoscaler/quote-app', '{.spec.maxReplicas}');
      assert.equal(await most(), '6');

      await ada.git('switch', '--quiet', 'main');
      await ada.git('merge', '--quiet', 'during');
      const reason = 'the login is broken';
      const through = await ada.verb<Made>(
        'promote',
        'staging',
        'prod',
        '--override-freeze',
        reason,
        '--push',
        'origin',
      );
      assert.match(
        await ada.git('log', '-1', '--format=%B', through.commit),
        /^Override-Freeze: e2e: the login is broken$/m,
      );
      assert.match(await readFile(path.join(ada.folder, freezes), 'utf8'), /reason: the login is broken/);
      await until('the window lifted', async () => (await windows()) === '');
      await runs('prod', '2.1.0');
      assert.equal(await most(), '7');
      assert.deepEqual((await check(ada.folder, [], () => {}, {}, {})).report.findings, []);
    },
  );
}

/** Whether the cluster's registry has the service's image under a tag. */
async function registryHas(on: Rehearsal, tag: string): Promise<boolean> {
  const headers = { accept: 'application/vnd.oci.image.manifest.v1+json' };
  return (
    await fetch(`${on.urls.registry}/v2/${await appImageName()}/manifests/${tag}`, {
      method: 'HEAD',
      headers,
    })
  ).ok;
}

async function developerOf(t: TestContext, on: Rehearsal, name: string): Promise<Developer> {
  const parent = await mkdtemp(path.join(tmpdir(), 'quotes-developer-'));
  t.after(() => rm(parent, { recursive: true }));
  const folder = path.join(parent, 'clone');
  await execa('git', ['clone', '--quiet', on.urls.git, folder]);
  await symlink(path.join(repoRoot, 'node_modules'), path.join(folder, 'node_modules'));
  // .gitignore means the folder, and this is a link.
  await writeFile(path.join(folder, '.git/info/exclude'), 'node_modules\n');
  const git = async (...args: string[]) => (await execa('git', ['-C', folder, ...args])).stdout;
  await git('config', 'user.name', name);
  await git('config', 'user.email', `${name.toLowerCase()}@localhost`);
  const run = (verb: string, args: string[]) =>
    execa(process.execPath, [path.join(folder, 'scripts/run.mjs'), verb, '--json', ...args], {
      env: { QUOTES_CLUSTER: on.cluster },
      stdin: 'ignore',
      reject: false,
    });
  return {
    folder,
    git,
    run,
    edit: async (file, from, to) => {
      const text = await readFile(path.join(folder, file), 'utf8');
      assert.match(text, typeof from === 'string' ? new RegExp(RegExp.escape(from)) : from);
      await writeFile(path.join(folder, file), text.replace(from, to));
    },
    verb: async (verb, ...args) => {
      const { stdout, stderr, exitCode } = await run(verb, args);
      assert.equal(exitCode, 0, `npm run ${verb} ${args.join(' ')}:\n${stdout}\n${stderr}`);
      return JSON.parse(stdout);
    },
    refused: async (verb, ...args) => {
      const { stdout, stderr, exitCode } = await run(verb, args);
      assert.equal(exitCode, 2, `npm run ${verb} ${args.join(' ')} was not refused:\n${stdout}\n${stderr}`);
      assert.doesNotMatch(stderr, /defect of the program/);
      return stderr;
    },
  };
}

/** Commits and pushes another version of the service, with what else is changed. */
async function changeService(developer: Developer, version: string): Promise<void> {
  await developer.edit(service, /"version": ".*"/, `"version": "${version}"`);
  await developer.git('commit', '--quiet', '--all', `--message=quote-app ${version}`);
  await developer.git('push', '--quiet', 'origin', 'HEAD:main');
}

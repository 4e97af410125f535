import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, glob, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { type Kubectl, kubectlFor } from '../scripts/gitops/kubectl.ts';
import { type EnvironmentStatus, isFine } from '../scripts/gitops/status.ts';
import { repoRoot } from '../scripts/paths.ts';

const cluster = 'e2e';
let clone: string;
let kubectl: Kubectl;
let urls: { dev: string; prod: string; git: string };

/** Runs one of the repository's own commands and returns its standard output. */
async function command(verb: string, ...args: string[]): Promise<string> {
  const run = [path.join(repoRoot, 'scripts/run.mjs'), verb, '--name', cluster, ...args];
  const result = await execa(process.execPath, run, { stdin: 'ignore', stderr: 'inherit', reject: false });
  assert.notEqual(result.exitCode, 2, `${verb} could not run`);
  return result.stdout;
}

const git = (...args: string[]) => execa('git', ['-C', clone, ...args]);

async function status(environment: string): Promise<EnvironmentStatus> {
  const statuses = JSON.parse(await command('status', '--json')) as EnvironmentStatus[];
  const found = statuses.find((candidate) => candidate.environment === environment);
  assert.ok(found);
  return found;
}

/** Commits what was edited in the second clone and pushes it; returns the commit. */
async function push(message: string): Promise<string> {
  await git('add', '--all');
  await git('commit', '--quiet', `--message=${message}`);
  await git('push', '--quiet', urls.git, 'HEAD:main');
  return (await git('rev-parse', 'HEAD')).stdout;
}

async function edit(file: string, from: string | RegExp, to: string): Promise<void> {
  const text = await readFile(path.join(clone, file), 'utf8');
  assert.notEqual(text.replace(from, to), text, `${file} has nothing like ${from}`);
  await writeFile(path.join(clone, file), text.replace(from, to));
}

/** Asks again until the answer is what is wanted; returns the seconds that took. Fails after two minutes. */
async function until(what: string, holds: () => Promise<boolean>): Promise<number> {
  const started = Date.now();
  while (!(await holds())) {
    assert.ok(Date.now() - started < 120_000, `${what}: not after two minutes`);
    await sleep(100);
  }
  return (Date.now() - started) / 1000;
}

const field = (environment: string, object: string, jsonpath: string) =>
  kubectl([
    'get',
    object,
    `--namespace=${environment}`,
    '--ignore-not-found',
    `--output=jsonpath=${jsonpath}`,
  ]);

before(async () => {
  clone = path.join(await mkdtemp(path.join(tmpdir(), 'quotes-e2e-')), 'clone');
  await command('stop', '--purge');
  const started = JSON.parse(await command('start', '--json')) as { urls: typeof urls; kubeconfig: string };
  urls = started.urls;
  kubectl = await kubectlFor({ kubeconfig: started.kubeconfig });
  await execa('git', ['clone', '--quiet', urls.git, clone]);
  await git('config', 'user.name', 'e2e');
  await git('config', 'user.email', 'e2e@localhost');
});

after(async () => {
  await command('stop', '--purge');
  await rm(path.dirname(clone), { recursive: true, force: true });
});

test('a push of another replica count deploys', async (t) => {
  await edit('overlays/dev/kustomization.yaml', 'count: 1', 'count: 2');
  await push('dev: two replicas');
  const seconds = await until('two ready', async () => {
    return (await field('dev', 'deployment/quote-app', '{.status.readyReplicas}')) === '2';
  });
  t.diagnostic(`push → both ready: ${seconds.toFixed(1)} s`);
});

test('git revert rolls back', async () => {
  await git('revert', '--no-edit', 'HEAD');
  await git('push', '--quiet', urls.git, 'HEAD:main');
  await until(
    'one replica',
    async () => (await field('dev', 'deployment/quote-app', '{.spec.replicas}')) === '1',
  );
});

test('a deleted object comes back and a changed field is put right, ten times over on one revision', async (t) => {
  const times: number[] = [];
  for (let round = 0; round < 10; round += 1) {
    await kubectl(['scale', 'deployment/quote-app', '--namespace=dev', '--replicas=3']);
    times.push(
      await until('the count healed', async () => {
        return (await field('dev', 'deployment/quote-app', '{.spec.replicas}')) === '1';
      }),
    );
    await kubectl(['delete', 'service/quote-app', '--namespace=dev']);
    times.push(
      await until('the Service healed', async () => {
        return (await field('dev', 'service/quote-app', '{.metadata.name}')) === 'quote-app';
      }),
    );
  }
  t.diagnostic(`drift → healed, seconds: ${times.map((time) => time.toFixed(1)).join(' ')}`);
  assert.notEqual((await status('dev')).lastHeal, undefined);
});

test('a removed manifest is pruned, and a removed PVC is not', async () => {
  await edit('base/postgres/kustomization.yaml', '  - persistent-volume-claim.yaml\n', '');
  await edit('base/postgres/kustomization.yaml', '  - network-policy.yaml\n', '');
  await push('without the claim and the policy');
  await until('the policy pruned', async () => {
    return (await field('dev', 'networkpolicy/postgres', '{.metadata.name}')) === '';
  });
  assert.equal(await field('dev', 'pvc/postgres-data', '{.metadata.name}'), 'postgres-data');
  assert.equal(await field('dev', 'pvc/postgres-data', '{.metadata.deletionTimestamp}'), '');
  await git('revert', '--no-edit', 'HEAD');
  await git('push', '--quiet', urls.git, 'HEAD:main');
  await until('everything well again', async () => isFine(await status('dev')));
});

test('a broken push leaves the running version serving and status says why', async () => {
  await edit('overlays/prod/kustomization.yaml', '../../base/postgres', '../../base/postgras');
  await push('a misspelt base');
  await until('the reason in status', async () => {
    return (await status('prod')).problems.some((problem) => problem.includes('postgras'));
  });
  assert.equal((await fetch(`${urls.prod}/api/quotes/random`)).status, 200);
  await git('revert', '--no-edit', 'HEAD');
  await git('push', '--quiet', urls.git, 'HEAD:main');
  await until('prod well again', async () => isFine(await status('prod')));
});

test('a new version of the service arrives by push, and Git pins it from then on', async () => {
  // The image is built from this checkout with another version, as a developer's clone would.
  const folder = path.join(path.dirname(clone), 'build');
  await cp(clone, folder, { recursive: true });
  const file = path.join(folder, 'service/package.json');
  await writeFile(file, (await readFile(file, 'utf8')).replace(/"version": ".*"/, '"version": "1.0.1"'));
  await execa('npm', ['run', '--silent', 'image', '--', '--write', 'dev', '--name', cluster], {
    cwd: folder,
    stdin: 'ignore',
    stderr: 'inherit',
  });
  await cp(path.join(folder, 'overlays/dev'), path.join(clone, 'overlays/dev'), { recursive: true });
  await cp(file, path.join(clone, 'service/package.json'));
  await push('quote-app 1.0.1 on dev');
  await until('the new version', async () => {
    const answer = await fetch(`${urls.dev}/version`);
    return ((await answer.json()) as { version: string }).version === '1.0.1';
  });
  assert.equal(await field('argocd', 'application/dev', '{.spec.source.kustomize}'), '');
});

test('rows survive the Postgres pod', async () => {
  const body = JSON.stringify({ text: 'I was here before the pod died.', author: 'e2e' });
  const headers = { 'content-type': 'application/json' };
  const posted = await fetch(`${urls.prod}/api/quotes`, { method: 'POST', body, headers });
  assert.equal(posted.status, 201);
  const row = new URL(posted.headers.get('location') ?? '', urls.prod);
  await kubectl(['delete', 'pod', '--namespace=prod', '--selector=app.kubernetes.io/name=postgres']);
  await until('the row', async () => (await fetch(row)).status === 200);
});

test('three replicas give the same rows under three names, through the Service and a port-forward', async (t) => {
  const names = new Set<string>();
  const totals = new Set<number>();
  await until('three names', async () => {
    const answer = await fetch(`${urls.prod}/api/quotes?limit=1`, { headers: { connection: 'close' } });
    names.add(answer.headers.get('x-served-by') ?? '');
    totals.add(((await answer.json()) as { total: number }).total);
    return names.size === 3;
  });
  assert.equal(totals.size, 1);
  const run = [path.join(repoRoot, 'scripts/run.mjs'), 'kubectl', 'port-forward', 'svc/quote-app', '8080:80'];
  const forward = spawn(process.execPath, [...run, '--namespace=prod'], {
    env: { ...process.env, QUOTES_CLUSTER: cluster },
    stdio: 'ignore',
    detached: true,
  });
  t.after(() => process.kill(-(forward.pid ?? 0)));
  await until('the port-forward', async () => {
    const answer = await fetch('http://127.0.0.1:8080/api/quotes?limit=1').catch(() => undefined);
    return answer?.status === 200;
  });
});

test('stop leaves no process, namespace, mount or cgroup behind', async () => {
  await command('stop');
  const mine = `quotes/${cluster}`;
  assert.doesNotMatch((await execa('ip', ['netns', 'list'])).stdout, /quotes-e2e/);
  assert.ok(!(await readFile('/proc/self/mountinfo', 'utf8')).includes(mine));
  assert.deepEqual(await Array.fromAsync(glob(`/sys/fs/cgroup/**/${mine}`)), []);
  // This test's own command line names the cluster too, so look for the programs' state folder.
  const processes = await execa('ps', ['-eo', 'args', '--no-headers']);
  assert.ok(!processes.stdout.includes(`/${mine}/`));
});

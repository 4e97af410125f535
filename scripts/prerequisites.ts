import { constants, existsSync } from 'node:fs';
import { access, mkdir, statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { CannotRun } from './cli.ts';
import { cacheDir, stateDir } from './paths.ts';

/** Debian packages that `npm start` needs, each with what for. */
export const clusterPackages: Record<string, string> = {
  buildah: 'builds images',
  catatonit: 'is the pause of every pod',
  curl: 'asks whether a server answers',
  e2fsprogs: 'makes the volume that a drill fills',
  git: 'serves the repository',
  iproute2: 'makes network namespaces',
  mmdebstrap: 'makes the base of the images',
  nftables: 'is what kube-proxy writes rules with',
  procps: 'tells whether a build runs',
  runc: 'runs containers',
  'util-linux': 'enters network namespaces',
};

const goVersion = [1, 26, 8] as const;
const gibibyte = 2 ** 30;

/** What is missing that the program cannot bring, with the remedy; empty when all is there. */
export async function missingPrerequisites(): Promise<string[]> {
  if (process.platform !== 'linux') {
    return [`Linux: this is ${process.platform}. Use a Debian 12 machine, or "npm start -- --context NAME".`];
  }
  const missing = await Promise.all([asRoot(), debian(), go(), disk(), memory()]);
  return missing.filter((message) => message !== undefined);
}

/** @throws {CannotRun} naming everything that is missing at once */
export async function requirePrerequisites(): Promise<void> {
  const missing = await missingPrerequisites();
  if (missing.length > 0) {
    throw new CannotRun(`This machine lacks:\n${missing.map((line) => `- ${line}`).join('\n')}`);
  }
}

/** Installs the Debian packages that are missing, saying which and why. @throws {CannotRun} */
export async function installPackages(
  packages: Record<string, string>,
  report: (doing: string) => void,
): Promise<void> {
  const missing: string[] = [];
  for (const name of Object.keys(packages)) {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholder
    const query = ['--show', '--showformat=${db:Status-Status}', name];
    const result = await execa('dpkg-query', query, { reject: false });
    if (result.stdout !== 'installed') {
      missing.push(name);
    }
  }
  if (missing.length === 0) {
    return;
  }
  const why = missing.map((name) => `${name} (${packages[name]})`).join(', ');
  report(`installing ${why}`);
  process.stderr.write(`Installing Debian packages: ${why}\n`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await apt(['update', '--quiet'], env);
  await apt(['install', '--yes', '--quiet', '--no-install-recommends', ...missing], env);
}

async function apt(args: string[], env: Record<string, string>): Promise<void> {
  const result = await execa('apt-get', args, { env, stdin: 'ignore', all: true, reject: false });
  if (result.failed) {
    const end = result.all?.trimEnd().split('\n').slice(-8).join('\n');
    throw new CannotRun(`apt-get ${args[0]} failed:\n${end}\nMend that, then run this again.`);
  }
}

async function asRoot(): Promise<string | undefined> {
  return process.getuid?.() === 0
    ? undefined
    : 'root: namespaces, mounts and cgroups need it. Run "sudo npm start".';
}

async function debian(): Promise<string | undefined> {
  const found = await access('/usr/bin/dpkg-query', constants.X_OK).then(
    () => true,
    () => false,
  );
  return found ? undefined : 'Debian packages (no dpkg): use a Debian 12 machine.';
}

async function go(): Promise<string | undefined> {
  const remedy = `Install Go ${goVersion.join('.')} or newer and put it on PATH.`;
  const result = await execa('go', ['env', 'GOVERSION'], { reject: false });
  const version = /^go(\d+)\.(\d+)(?:\.(\d+))?/.exec(result.failed ? '' : result.stdout);
  if (version === null) {
    return `Go: not found. ${remedy}`;
  }
  const present = version.slice(1).map((part) => Number(part ?? 0));
  const differs = goVersion.findIndex((part, index) => present[index] !== part);
  const enough = differs < 0 || (present[differs] ?? 0) > (goVersion[differs] ?? 0);
  return enough ? undefined : `Go: ${version[0]} is too old. ${remedy}`;
}

/** Measured: the first start writes 8 GiB here and 13 to Go's own caches, a cluster's state is 4. */
async function disk(): Promise<string | undefined> {
  const first = !existsSync(path.join(cacheDir, 'images'));
  for (const [folder, gibibytes] of [
    [cacheDir, first ? 21 : 4],
    [stateDir, 6],
  ] as const) {
    await mkdir(folder, { recursive: true });
    const { bavail, bsize } = await statfs(folder);
    const free = (bavail * bsize) / gibibyte;
    if (free < gibibytes) {
      return `disk: ${folder} has ${free.toFixed(1)} GiB free and needs ${gibibytes}. Free some, or set ${
        folder === cacheDir ? 'XDG_CACHE_HOME' : 'XDG_STATE_HOME'
      }.`;
    }
  }
}

async function memory(): Promise<string | undefined> {
  const present = totalmem() / gibibyte;
  return present >= 6 ? undefined : `memory: ${present.toFixed(1)} GiB, and the cluster needs 6.`;
}

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, glob, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeCacheFolder, moveIntoCache } from '../cache.ts';
import { cacheDir } from '../paths.ts';
import { runProgram } from '../program.ts';

/**
 * A folder beside this file whose go.mod pins programs with `tool` directives or holds mains of its own. A module
 * that it replaces is patched by `patches/MODULE.patch`.
 */
export type ToolModule =
  | 'barman-cloud'
  | 'check'
  | 'cloudnative-pg'
  | 'cluster'
  | 'conftest'
  | 'cosign'
  | 'external-secrets'
  | 'govulncheck'
  | 'image-verifier'
  | 'kube-score'
  | 'kubeconform'
  | 'kyverno'
  | 'local-path'
  | 'object-store'
  | 'prometheus-operator'
  | 'promtool';

/** Go names a binary after its package's folder; these folders say something else than the program's name. */
const programNames: Record<string, string> = { cmd: 'argocd', server: 'etcd' };

/** Build tags by which a program leaves out what nobody here asks it: promtool its service discovery in clouds. */
const buildTags: Partial<Record<ToolModule, string>> = { promtool: 'remove_all_sd' };

/** Thrown when the Go toolchain is missing or a module does not build; the message carries the next step. */
export class ToolBuildError extends Error {
  override name = 'ToolBuildError';
}

/**
 * The folder with the module's programs, built from source the first time and found in the cache afterwards.
 * `onPackage` is called with the number of packages compiled so far.
 * @throws {ToolBuildError}
 */
export async function goTools(
  name: ToolModule,
  onPackage: (compiled: number) => void = () => {},
): Promise<string> {
  const bin = path.join(cacheDir, 'tools', `${name}-${await moduleKey(name)}`);
  if (existsSync(bin)) {
    return bin;
  }
  const building = `${bin}.${process.pid}`;
  await makeCacheFolder(building);
  try {
    await build(name, building, onPackage);
    await nameProgramsProperly(building);
    await moveIntoCache(building, bin);
  } finally {
    await rm(building, { recursive: true, force: true });
    await rm(`${building}.modules`, { recursive: true, force: true });
  }
  return bin;
}

/** What changes when what a module's programs are built from does: its pins, our own source and patches, the platform. */
export async function moduleKey(name: ToolModule): Promise<string> {
  const source = path.join(import.meta.dirname, name);
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  const files = await Array.fromAsync(glob('**/*.{mod,sum,go,patch}', { cwd: source }));
  for (const file of files.sort()) {
    hash.update(file).update(await readFile(path.join(source, file)));
  }
  hash.update((await linkerFlags(source)).join(' ')).update(buildTags[name] ?? '');
  return hash.digest('hex').slice(0, 12);
}

/** Programs that print their version learn it at link time, as their own release builds do. */
async function linkerFlags(source: string): Promise<string[]> {
  const goMod = await readFile(path.join(source, 'go.mod'), 'utf8');
  const version = (module: string) =>
    new RegExp(`^\\s+${module.replaceAll('.', '\\.')} (v\\S+)`, 'm').exec(goMod)?.[1];
  const flags = ['-s', '-w'];
  const set = (symbol: string, value: string) => flags.push('-X', `${symbol}=${value}`);
  const kubernetes = version('k8s.io/kubernetes');
  if (kubernetes !== undefined) {
    const [major = '', minor = ''] = kubernetes.slice(1).split('.');
    set('k8s.io/component-base/version.gitVersion', kubernetes);
    set('k8s.io/component-base/version.gitMajor', major);
    set('k8s.io/component-base/version.gitMinor', minor);
  }
  const argocd = version('github.com/argoproj/argo-cd/v3');
  if (argocd !== undefined) {
    set('github.com/argoproj/argo-cd/v3/common.version', argocd.slice(1));
  }
  const containerd = version('github.com/containerd/containerd/v2');
  if (containerd !== undefined) {
    set('github.com/containerd/containerd/v2/version.Version', containerd);
  }
  return flags;
}

async function build(name: ToolModule, output: string, onPackage: (compiled: number) => void): Promise<void> {
  const source = path.join(import.meta.dirname, name);
  const packages = ['tool'];
  if ((await Array.fromAsync(glob('*/main.go', { cwd: source }))).length > 0) {
    packages.push('./...');
  }
  const tags = `-tags=${buildTags[name] ?? ''}`;
  const flags = ['-v', '-trimpath', tags, '-ldflags', (await linkerFlags(source)).join(' ')];
  // Loaded here: most commands build nothing, and it takes 40 ms.
  const { execa } = await import('execa');
  const modfile = await withPatches(source, output);
  const go = execa('go', ['build', `-modfile=${modfile}`, ...flags, '-o', `${output}/`, ...packages], {
    cwd: source,
    env: { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' },
    stdin: 'ignore',
    all: true,
    reject: false,
  });
  let compiled = 0;
  const complaints: string[] = [];
  for await (const line of go.iterable({ from: 'all' })) {
    // With -v go prints one import path a line; anything with a space is a download notice or a complaint.
    if (/^[\w./~-]+$/.test(line)) {
      compiled += 1;
      onPackage(compiled);
    } else if (!line.startsWith('go: downloading')) {
      complaints.push(line);
    }
  }
  const result = await go;
  if (result.code === 'ENOENT') {
    throw new ToolBuildError('Go is not installed: install Go 1.26 or newer and put it on PATH.');
  }
  if (result.failed) {
    throw new ToolBuildError(
      [`go build failed in ${source}:`, ...complaints.slice(-10), 'Run it again once that is mended.'].join(
        '\n',
      ),
    );
  }
}

/**
 * The go.mod to build with: the module's own, or one that takes what has a patch from a patched copy.
 * Go lets nothing be changed in its cache.
 */
async function withPatches(source: string, output: string): Promise<string> {
  const own = path.join(source, 'go.mod');
  let text = await readFile(own, 'utf8');
  const build = `${output}.modules`;
  for (const [line, module = ''] of text.matchAll(/^\t(\S+) => \1 v\S+$/gm)) {
    const patch = path.join(source, 'patches', `${module}.patch`);
    if (existsSync(patch)) {
      const copy = path.join(build, module);
      const download = await runProgram('go', ['mod', 'download', '-json', module], { cwd: source });
      const { Dir } = JSON.parse(download.stdout) as { Dir: string };
      await cp(Dir, copy, { recursive: true });
      // The cache may lie in somebody's repository, which git would patch instead.
      const env = { GIT_CEILING_DIRECTORIES: path.dirname(copy) };
      await runProgram('git', ['apply', '--unidiff-zero', patch], { cwd: copy, env });
      text = text.replace(line, `\t${module} => ${copy}`);
    }
  }
  if (!existsSync(build)) {
    return own;
  }
  await cp(path.join(source, 'go.sum'), path.join(build, 'go.sum'));
  await writeFile(path.join(build, 'go.mod'), text);
  return path.join(build, 'go.mod');
}

async function nameProgramsProperly(bin: string): Promise<void> {
  for (const [folder, program] of Object.entries(programNames)) {
    if (existsSync(path.join(bin, folder))) {
      await rename(path.join(bin, folder), path.join(bin, program));
    }
  }
}

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, readFile, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeCacheFolder } from '../cache.ts';
import { cacheDir } from '../paths.ts';
import { runProgram } from '../program.ts';
import { ToolBuildError, type ToolModule } from './go.ts';

function toolFile(tool: ToolModule, file: 'go.mod' | 'go.sum'): string {
  return path.join(import.meta.dirname, tool, file);
}

/**
 * The version a tool module's go.mod requires of a Go module, such as `v1.36.3`.
 * @throws {ToolBuildError} when go.mod does not require it.
 */
export async function pinnedVersion(tool: ToolModule, module: string): Promise<string> {
  const file = toolFile(tool, 'go.mod');
  const pin = new RegExp(`^(?:require)?\\s+${RegExp.escape(module)} (v\\S+)`, 'm').exec(
    await readFile(file, 'utf8'),
  );
  if (pin?.[1] === undefined) {
    throw new ToolBuildError(
      `${file} requires no ${module}: add it there, that is where versions are pinned.`,
    );
  }
  return pin[1];
}

/**
 * The folder with a pinned module's files in Go's module cache, downloaded when it is missing. Fetches that one
 * module and compares it with go.sum, which a plain download outside its own module would not.
 * @throws {ToolBuildError}
 */
export async function moduleDir(tool: ToolModule, module: string): Promise<string> {
  const version = await pinnedVersion(tool, module);
  const go = await runProgram('go', ['mod', 'download', '-json', `${module}@${version}`], {
    cwd: tmpdir(),
    env: { GOWORK: 'off', GOFLAGS: '' },
    stdin: 'ignore',
    reject: false,
  });
  if (go.code === 'ENOENT') {
    throw new ToolBuildError(
      `Go is not installed and ${module}@${version} is needed: install Go 1.26 or newer and put it on PATH.`,
    );
  }
  const download: { Dir?: string; Sum?: string; Error?: string } = go.stdout.startsWith('{')
    ? JSON.parse(go.stdout)
    : { Error: go.stderr };
  if (download.Dir === undefined || download.Sum === undefined) {
    throw new ToolBuildError(
      `Go cannot download ${module}@${version}: ${download.Error ?? go.stderr}\nCheck the network and "go env GOPROXY", then run this again.`,
    );
  }
  const sums = await readFile(toolFile(tool, 'go.sum'), 'utf8');
  if (!sums.includes(`${module} ${version} ${download.Sum}\n`)) {
    throw new ToolBuildError(
      `${module}@${version} is not what ${toolFile(tool, 'go.sum')} recorded (${download.Sum}): do not use this download.`,
    );
  }
  return download.Dir;
}

/**
 * A copy of one file of a pinned module in our own cache, so that a second run needs neither Go nor its cache.
 * @throws {ToolBuildError}
 */
export async function moduleFile(tool: ToolModule, module: string, file: string): Promise<string> {
  const copy = path.join(cacheDir, 'modules', `${module}@${await pinnedVersion(tool, module)}`, file);
  if (!existsSync(copy)) {
    const source = path.join(await moduleDir(tool, module), file);
    const partial = `${copy}.${randomUUID()}`;
    await makeCacheFolder(path.dirname(copy));
    await copyFile(source, partial);
    await rename(partial, copy);
  }
  return copy;
}

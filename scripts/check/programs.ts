import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import { goTools, type ToolModule } from '../tools/go.ts';
import { pinnedVersion } from '../tools/go-modules.ts';

type Program = { name: string; tool: ToolModule; module: string; version: string[] };

/**
 * The path of kustomize: that on PATH when it is the pinned version, our own build otherwise.
 * @throws {ToolBuildError} when it must be built and cannot be
 * @throws {CannotRun} when the one on PATH does not say its version
 */
export function findKustomize(progress: (line: string) => void): Promise<string> {
  const module = 'sigs.k8s.io/kustomize/kustomize/v5';
  return find({ name: 'kustomize', tool: 'check', module, version: ['version'] }, progress);
}

/** The path of kubeconform, to which our own validation and its speed are compared: as `findKustomize`. */
export function findKubeconform(progress: (line: string) => void): Promise<string> {
  const module = 'github.com/yannh/kubeconform';
  return find({ name: 'kubeconform', tool: 'kubeconform', module, version: ['-v'] }, progress);
}

async function find(program: Program, progress: (line: string) => void): Promise<string> {
  const there = await onPath(program);
  if (there !== undefined) {
    return there;
  }
  let announced = false;
  const bin = await goTools(program.tool, () => {
    if (!announced) {
      announced = true;
      progress(`building ${program.name} from source, about 20 s`);
    }
  });
  return path.join(bin, program.name);
}

async function onPath({ name, tool, module, version }: Program): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const program = path.join(folder, name);
    if (folder !== '' && (await isExecutable(program))) {
      const said = await versionSaid(program, version);
      return said === (await pinnedVersion(tool, module)) ? program : undefined;
    }
  }
  return undefined;
}

/** How long a program may take to say its version, in milliseconds: kustomize takes 20. */
const longestAnswer = 5_000;

/** What a program answers when it is asked for its version, '' when it cannot be run. @throws {CannotRun} */
async function versionSaid(program: string, version: string[]): Promise<string> {
  // A group of its own: what it started would keep the pipe open, and the check waiting, once it is ended.
  const child = spawn(program, version, { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const tooLong = () => {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    const seconds = longestAnswer / 1000;
    reject(
      new CannotRun(
        `${[program, ...version].join(' ')} did not end within ${seconds} s: mend it, or take it off PATH.`,
      ),
    );
  };
  const timer = setTimeout(tooLong, longestAnswer);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.on('error', () => resolve(''));
  child.on('close', () => resolve(said.trim()));
  return promise.finally(() => clearTimeout(timer));
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

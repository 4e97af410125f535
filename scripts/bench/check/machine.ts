import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { execa } from 'execa';
import { repoRoot } from '../../paths.ts';

/** What the numbers were measured on, in a reader's words, and when. */
export type Machine = {
  processor: string;
  memory: string;
  system: string;
  /** The load average of the minute before. */
  load: string;
  go: string;
  commit: string;
  date: string;
};

/** What figures depend on: the machine that they were taken on. */
export async function thisMachine(): Promise<Machine> {
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? process.platform;
  const { stdout: go } = await execa('go', ['version'], { reject: false, stdin: 'ignore' });
  const { stdout: commit } = await execa('git', ['describe', '--always', '--dirty', '--exclude=*'], {
    cwd: repoRoot,
    reject: false,
    stdin: 'ignore',
  });
  return {
    processor: `${availableParallelism()} cores, ${cpus()[0]?.model.trim() ?? process.arch}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${name}, kernel ${release()}`,
    load: (loadavg()[0] ?? 0).toFixed(1),
    go: /go\d\S*/.exec(go)?.[0] ?? 'unknown',
    commit: commit || 'unknown',
    date: new Date().toISOString().slice(0, 10),
  };
}

import { type StdioOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { repoRoot } from '../paths.ts';
import { enterSystemGroup, processesOf } from './cgroups.ts';
import type { ClusterLayout } from './layout.ts';

/** A long-running program of the cluster. */
export interface Component {
  name: string;
  /** `control-plane`, `entrance`, `status-page` or a node's name: what is lost together, and shares a part of the CPU. */
  owner: string;
  /** Its network namespace; absent: the machine's own network. */
  namespace?: string;
  command: string[];
  env?: NodeJS.ProcessEnv;
  /** The configuration files it reads when it starts: absolute path to content. */
  files?: Record<string, string>;
}

/** What is written down of a started component. The start time tells it from a later process of the same id. */
interface Started {
  pid: number;
  startTime: string;
  command: string;
}

/** Thrown when a component does not come up; names its log. */
class ComponentError extends Error {
  override name = 'ComponentError';
}

const recordFile = (layout: ClusterLayout, name: string) =>
  path.join(layout.run, 'components', `${name}.json`);

/** The component's log file. */
const logFile = (layout: ClusterLayout, name: string) => path.join(layout.logs, `${name}.log`);

/** The kernel's start time of the process, or undefined when there is none (a zombie counts as none). */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The program's name stands in parentheses and may hold spaces: count fields after it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}

async function readRecord(file: string): Promise<Started | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Started;
  } catch {
    return undefined; // not there, or cut off by an interruption: the cgroup still knows the process
  }
}

/** The id of the running component, or undefined. With a command, only when it runs exactly that. */
export async function runningPid(
  layout: ClusterLayout,
  name: string,
  command?: string[],
): Promise<number | undefined> {
  const started = await readRecord(recordFile(layout, name));
  if (started === undefined || (await startTimeOf(started.pid)) !== started.startTime) {
    return undefined;
  }
  return command === undefined || started.command === command.join(' ') ? started.pid : undefined;
}

/**
 * Starts the component unless it runs already as asked; one that runs differently is ended first.
 * Returns whether it was started now.
 */
export async function ensureRunning(layout: ClusterLayout, component: Component): Promise<boolean> {
  // A file is written only when it differs: kube-proxy ends itself, a moment later, when its file is touched.
  const stale = await staleFiles(component.files ?? {});
  if (stale.length === 0 && (await runningPid(layout, component.name, component.command)) !== undefined) {
    return false;
  }
  await stopComponent(layout, component.name);
  for (const [file, content] of stale) {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  const log = await openLog(layout, component.name);
  try {
    const child = spawnInNamespace(component, ['ignore', log.fd, log.fd]);
    await record(layout, component, child.pid);
    child.unref();
  } finally {
    await log.close();
  }
  return true;
}

/** For a component whose program is in scripts/: it is started anew when the clone was pulled meanwhile. */
export async function ownCode(layout: ClusterLayout, name: string): Promise<Record<string, string>> {
  const committed = ['-C', repoRoot, 'rev-parse', 'HEAD:scripts'];
  const { stdout } = await execa('git', committed, { reject: false });
  return { [path.join(layout.run, `${name}.code`)]: stdout };
}

async function staleFiles(files: Record<string, string>): Promise<[file: string, content: string][]> {
  const present = async (file: string) => readFile(file, 'utf8').catch(() => undefined);
  const pairs = Object.entries(files);
  const stale = await Promise.all(pairs.map(async ([file, content]) => (await present(file)) !== content));
  return pairs.filter((_pair, index) => stale[index]);
}

/** Opens the component's log for appending; what a start adds begins with a line that says so. */
export async function openLog(layout: ClusterLayout, name: string) {
  await mkdir(layout.logs, { recursive: true });
  const log = await open(logFile(layout, name), 'a');
  await log.write(`--- started ${new Date().toISOString()}\n`);
  return log;
}

/** Spawns the component in its network namespace, detached from this program. */
export function spawnInNamespace({ namespace, command, env }: Component, stdio: StdioOptions) {
  // nsenter, not `ip netns exec`: that remounts /sys and hides the cgroups from kubelet.
  const enter = namespace === undefined ? [] : ['nsenter', `--net=/run/netns/${namespace}`, '--'];
  const [program = '', ...args] = [...enter, ...command];
  const child = spawn(program, args, {
    detached: true,
    stdio,
    // Go collects garbage a third as often: on two cores CPU is scarcer than the memory this takes.
    env: { ...process.env, GOGC: '300', ...env },
    cwd: '/',
  });
  child.on('error', () => {}); // no pid then: record() reports it
  return child;
}

/** Writes down the started process and puts it into its owner's cgroup. */
export async function record(layout: ClusterLayout, component: Component, pid: number | undefined) {
  const startTime = pid === undefined ? undefined : await startTimeOf(pid);
  if (pid === undefined || startTime === undefined) {
    throw new ComponentError(`${component.name} did not start. Log: ${logFile(layout, component.name)}`);
  }
  await enterSystemGroup(layout, component.owner, pid);
  const started: Started = { pid, startTime, command: component.command.join(' ') };
  const file = recordFile(layout, component.name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify(started));
}

/** Ends the component: SIGTERM, and SIGKILL to what is still there after ten seconds. */
export async function stopComponent(layout: ClusterLayout, name: string): Promise<void> {
  const pid = await runningPid(layout, name);
  if (pid !== undefined) {
    await endProcesses(async () => ((await runningPid(layout, name)) === undefined ? [] : [pid]), 10_000);
  }
  await rm(recordFile(layout, name), { force: true });
}

/** The names of all components that were started, running or not. */
export async function recordedComponents(layout: ClusterLayout): Promise<string[]> {
  const folder = path.join(layout.run, 'components');
  return existsSync(folder) ? (await readdir(folder)).map((file) => path.basename(file, '.json')) : [];
}

/** Kills, without asking, every process of the node: components, shims and pods. */
export async function killNode(layout: ClusterLayout, node: string): Promise<void> {
  await endProcesses(() => processesOf(layout, node), 0);
}

/** Kills, without asking, every process of the cluster. */
export async function killCluster(layout: ClusterLayout): Promise<void> {
  await endProcesses(() => processesOf(layout), 0);
}

async function endProcesses(list: () => Promise<number[]>, patience: number): Promise<void> {
  const started = Date.now();
  let signal: NodeJS.Signals = patience > 0 ? 'SIGTERM' : 'SIGKILL';
  let sent = new Set<number>();
  for (;;) {
    const pids = await list();
    if (pids.length === 0) {
      return;
    }
    if (signal === 'SIGTERM' && Date.now() - started > patience) {
      signal = 'SIGKILL';
      sent = new Set();
    }
    for (const pid of pids.filter((pid) => !sent.has(pid))) {
      sent.add(pid);
      kill(pid, signal);
    }
    if (Date.now() - started > patience + 30_000) {
      throw new ComponentError(`processes ${pids.join(', ')} do not end, not even by SIGKILL.`);
    }
    await sleep(50);
  }
}

/** Sends a process a signal, unless it has ended since it was listed. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') {
      throw error;
    }
  }
}

/** Waits until `ready` holds, and fails with the component's log named when it has ended or time is up. */
export async function waitForComponent(
  layout: ClusterLayout,
  name: string,
  ready: () => Promise<boolean>,
  seconds = 60,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await ready())) {
    if ((await runningPid(layout, name)) === undefined) {
      throw new ComponentError(`${name} ended.${await lastWords(layout, name)}`);
    }
    if (Date.now() > deadline) {
      throw new ComponentError(`${name} is not ready after ${seconds} s.${await lastWords(layout, name)}`);
    }
    await sleep(100);
  }
}

async function lastWords(layout: ClusterLayout, name: string): Promise<string> {
  const text = await readFile(logFile(layout, name), 'utf8').catch(() => '');
  return ` Log: ${logFile(layout, name)}, its end:\n${text.trimEnd().split('\n').slice(-8).join('\n')}`;
}

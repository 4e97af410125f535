import { existsSync } from 'node:fs';
import { glob, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterLayout } from './layout.ts';

const mount = '/sys/fs/cgroup';

/** A cgroup v2 machine has one tree; v1 has a tree per controller, and kubelet wants its root in each of them. */
async function hierarchies(): Promise<string[]> {
  if (existsSync(path.join(mount, 'cgroup.controllers'))) {
    return [mount];
  }
  const trees: string[] = [];
  for (const entry of await readdir(mount, { withFileTypes: true })) {
    // cpu,cpuacct and the like are links or joint folders; `unified` is the v2 tree of a hybrid machine.
    if (entry.isDirectory() && entry.name !== 'unified') {
      trees.push(path.join(mount, entry.name));
    }
  }
  return trees;
}

const allSystems = (layout: ClusterLayout) => path.join(layout.cgroup, 'system');
const systemGroup = (layout: ClusterLayout, owner: string) => path.join(allSystems(layout), owner);

/**
 * Makes the groups: `system/OWNER` for the components' processes, one per node for its pods. Where there is too little
 * CPU, pods and what runs them share it as on machines of their own, whatever the number of processes on either side.
 */
export async function createCgroups(layout: ClusterLayout): Promise<void> {
  // The way in has a part of its own: elsewhere no load balancer stands beside an API server.
  const owners = ['control-plane', 'entrance', 'status-page', ...layout.nodes.map((node) => node.name)];
  const groups = [
    ...layout.nodes.map((node) => podsGroup(layout, node.name)),
    ...owners.map((owner) => systemGroup(layout, owner)),
  ];
  const shares: [string, number][] = [
    [path.dirname(layout.cgroup), 2],
    [allSystems(layout), 2],
    // What looks on takes little from what it shows.
    [systemGroup(layout, 'status-page'), 0.25],
  ];
  for (const tree of await hierarchies()) {
    for (const group of groups) {
      await mkdir(path.join(tree, group), { recursive: true });
      await passControllersDown(tree, group);
    }
    for (const [group, share] of shares) {
      await weigh(path.join(tree, group), share);
    }
  }
}

/** How much of a CPU that is wanted by all a group gets; 1 is what every group has. */
async function weigh(folder: string, share: number): Promise<void> {
  const files = [
    ['cpu.shares', 1024],
    ['cpu.weight', 100],
  ] as const;
  for (const [file, usual] of files) {
    const setting = path.join(folder, file);
    if (existsSync(setting)) {
      await writeFile(setting, String(usual * share));
    }
  }
}

/** The cgroup below which kubelet keeps the node's pods, as its cgroupRoot wants it without the leading slash. */
export function podsGroup(layout: ClusterLayout, node: string): string {
  return path.join(layout.cgroup, node);
}

async function passControllersDown(tree: string, group: string): Promise<void> {
  let folder = tree;
  for (const part of group.split('/')) {
    const parent = folder;
    folder = path.join(folder, part);
    if (tree === mount) {
      const controllers = (await readFile(path.join(parent, 'cgroup.controllers'), 'utf8')).trim();
      const enable = controllers
        .split(/\s+/)
        .filter(Boolean)
        .map((name) => `+${name}`);
      await writeFile(path.join(parent, 'cgroup.subtree_control'), enable.join(' '));
    } else if (path.basename(tree) === 'cpuset') {
      // A v1 cpuset starts without CPUs, and nothing can enter it before it has some.
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        await writeFile(path.join(folder, file), await readFile(path.join(parent, file), 'utf8'));
      }
    }
  }
}

/** Moves a process, and so all that it will start, into its owner's group: stopping finds them there. */
export async function enterSystemGroup(layout: ClusterLayout, owner: string, pid: number): Promise<void> {
  for (const tree of await hierarchies()) {
    if (tree === mount || ['pids', 'memory', 'cpu', 'cpuacct'].includes(path.basename(tree))) {
      await writeFile(path.join(tree, systemGroup(layout, owner), 'cgroup.procs'), String(pid));
    }
  }
}

/** The ids of the processes of a node, components and pods, or of the whole cluster. */
export async function processesOf(layout: ClusterLayout, node?: string): Promise<number[]> {
  const groups = node === undefined ? [layout.cgroup] : [systemGroup(layout, node), podsGroup(layout, node)];
  return processesIn(groups.map((group) => `${group}/**`));
}

/** The ids of the processes in a pod's containers, without the one that only holds the pod's namespaces. */
export async function processesOfPod(layout: ClusterLayout, uid: string, container = ''): Promise<number[]> {
  const groups = layout.nodes.map(
    ({ name }) => `${podsGroup(layout, name)}/**/pod${uid}/${container || '**'}`,
  );
  const pids = await processesIn(groups);
  const names = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')));
  return pids.filter((_, index) => names[index]?.trim() !== 'pause');
}

async function processesIn(groups: string[]): Promise<number[]> {
  const found = new Set<number>();
  for (const tree of await hierarchies()) {
    for (const group of groups) {
      for await (const file of glob(`${group}/cgroup.procs`, { cwd: tree })) {
        const text = await readFile(path.join(tree, file), 'utf8').catch(() => '');
        for (const pid of text.split('\n').filter(Boolean)) {
          found.add(Number(pid));
        }
      }
    }
  }
  return [...found];
}

/** Removes every group of the cluster. Its processes must have ended. */
export async function removeCgroups(layout: ClusterLayout): Promise<void> {
  // On a hybrid machine runc makes groups in the v2 tree as well.
  for (const tree of [...(await hierarchies()), path.join(mount, 'unified')]) {
    const top = path.join(tree, layout.cgroup);
    await removeTree(top);
    // The folder shared by all clusters goes with the last of them.
    await rmdir(path.dirname(top)).catch(() => {});
  }
}

async function removeTree(folder: string): Promise<void> {
  if (!existsSync(folder)) {
    return;
  }
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      await removeTree(path.join(folder, entry.name));
    }
  }
  for (let attempt = 0; ; attempt += 1) {
    try {
      await rmdir(folder);
      return;
    } catch (error) {
      // The kernel lets go of a group a moment after its last process.
      if (attempt === 50) {
        throw error;
      }
      await sleep(100);
    }
  }
}

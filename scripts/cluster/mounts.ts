import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import type { ClusterLayout } from './layout.ts';

/** Unmounts everything below the cluster's folders: volumes of pods, images, namespaces, shared memory. */
export async function unmountAll(layout: ClusterLayout): Promise<void> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const points = table
    .split('\n')
    .map((line) => unescaped(line.split(' ')[4] ?? ''))
    .filter((point) => [layout.state, layout.run].some((folder) => point.startsWith(`${folder}/`)));
  // The last mounted first: what lies on top of, or inside, another mount.
  for (const point of points.reverse()) {
    const result = await execa('umount', [point], { reject: false });
    if (result.failed) {
      await execa('umount', ['--lazy', point]);
    }
  }
}

/** mountinfo writes spaces and the like as octal: \040. */
function unescaped(point: string): string {
  return point.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

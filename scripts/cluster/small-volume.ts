import { chmod, mkdir, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { ClusterNode } from './layout.ts';

/** A folder on a node that holds so much and no more. */
export interface SmallVolume {
  node: string;
  path: string;
  /** Makes it hold twice as much. */
  enlarge(): Promise<void>;
  remove(): Promise<void>;
}

/** Makes one that holds about so many bytes: a file system in a file. */
export async function makeSmallVolume(node: ClusterNode, name: string, bytes: number): Promise<SmallVolume> {
  const folder = path.join(node.state, 'small-volumes', name);
  const [image, mounted] = [`${folder}.img`, folder];
  // What an interrupted drill left.
  await execa('umount', ['--lazy', mounted], { reject: false });
  await rm(image, { force: true });
  await mkdir(mounted, { recursive: true });
  await execa('truncate', [`--size=${bytes * 2}`, image]);
  await execa('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
  await execa('mount', ['-o', 'loop', image, mounted]);
  // A file takes half of it until it is enlarged: not every machine lets a mounted file system grow.
  const ballast = path.join(mounted, 'ballast');
  await execa('fallocate', [`--length=${bytes}`, ballast]);
  const data = path.join(mounted, 'data');
  await mkdir(data);
  await chmod(data, 0o777);
  return {
    node: node.name,
    path: data,
    enlarge: () => truncate(ballast, 0),
    remove: async () => {
      await execa('umount', ['--lazy', mounted]);
      await rm(mounted, { recursive: true });
      await rm(image);
    },
  };
}

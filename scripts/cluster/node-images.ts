import { existsSync } from 'node:fs';
import { copyFile, glob, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { ImageError } from '../images/buildah.ts';
import { goTools } from '../tools/go.ts';
import {
  accepts,
  type Containerd,
  containerdConfig,
  containerdEnvironment,
  writeMirrors,
} from './containerd.ts';

/** What of containerd's root holds images; the rest belongs to one containerd alone. */
const imageFolders = [
  'io.containerd.content.v1.content',
  'io.containerd.metadata.v1.bolt',
  'io.containerd.snapshotter.v1.overlayfs',
];

/** Makes `folder` a containerd root that holds the images unpacked: what every new node begins with. */
export async function unpackImages(
  images: string[],
  registry: string,
  folder: string,
  report: (image: string) => void,
): Promise<void> {
  await mkdir('/run/quotes', { recursive: true });
  const scratch = await mkdtemp('/run/quotes/images-');
  const bin = await goTools('cluster');
  const settings: Containerd = {
    // On the cache's disk, so that moving what is kept into place is a rename.
    root: `${folder}.root`,
    run: path.join(scratch, 'run'),
    socket: path.join(scratch, 'containerd.sock'),
    mirrors: path.join(scratch, 'registries'),
    networks: path.join(scratch, 'cni'),
    plugins: [],
    verifiers: path.join(scratch, 'verifiers'),
  };
  const config = path.join(scratch, 'containerd.toml');
  await writeMirrors(settings.mirrors, registry);
  await writeFile(config, containerdConfig(settings));
  const containerd = execa(path.join(bin, 'containerd'), ['--config', config], {
    stdin: 'ignore',
    env: containerdEnvironment(bin),
    all: true,
    reject: false,
  });
  try {
    for (let attempt = 0; !(await accepts(settings.socket)); attempt += 1) {
      if (attempt === 100 || containerd.exitCode !== null) {
        containerd.kill();
        throw new ImageError(`containerd does not come up:\n${(await containerd).all?.slice(-2000)}`);
      }
      await sleep(100);
    }
    for (const image of images) {
      report(`${image} unpacked for the nodes`);
      const options = ['--namespace=k8s.io', 'images', 'pull', `--hosts-dir=${settings.mirrors}`];
      const pull = await execa(path.join(bin, 'ctr'), [`--address=${settings.socket}`, ...options, image], {
        stdin: 'ignore',
        all: true,
        reject: false,
      });
      if (pull.failed) {
        throw new ImageError(`unpacking ${image} failed:\n${pull.all?.slice(-2000)}`);
      }
    }
  } finally {
    containerd.kill();
    await containerd;
    await rm(scratch, { recursive: true });
  }
  await mkdir(folder, { recursive: true });
  for (const name of imageFolders) {
    await rename(path.join(settings.root, name), path.join(folder, name));
  }
  await rm(settings.root, { recursive: true });
}

/**
 * Gives a new node the unpacked images. Layers are linked, not copied: overlayfs never writes to them, so nodes and
 * cache can share them. On another disk than the cache's the node is left empty, and pulls.
 */
export async function stockNode(images: string, root: string): Promise<void> {
  if (existsSync(root)) {
    return;
  }
  const draft = `${root}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(path.dirname(root), { recursive: true });
  const link = await execa('cp', ['-a', '--link', '--no-target-directory', images, draft], {
    reject: false,
    env: { LC_ALL: 'C' },
  });
  if (link.failed) {
    await rm(draft, { recursive: true, force: true });
    if (link.stderr.includes('cross-device')) {
      return;
    }
    throw new ImageError(`linking ${images} to ${root} failed:\n${link.stderr.slice(-500)}`);
  }
  for await (const database of glob('*/*.db', { cwd: images })) {
    // Written to by each containerd: a link would make one node's images another's.
    await rm(path.join(draft, database));
    await copyFile(path.join(images, database), path.join(draft, database));
  }
  await rename(draft, root);
}

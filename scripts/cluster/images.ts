import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, glob, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { moveIntoCache } from '../cache.ts';
import { appImageName } from '../gitops/app-image.ts';
import { buildImage, ImageError, pushImage } from '../images/buildah.ts';
import { cacheDir, repoRoot } from '../paths.ts';
import { moduleKey } from '../tools/go.ts';
import {
  debian,
  helperImage,
  imageTools,
  nodeImage,
  programImages,
  type Recipe,
  recipes,
  systemImages,
} from './image-recipes.ts';
import { unpackImages } from './node-images.ts';
import { withRegistry } from './temporary-registry.ts';

/** What a new cluster is given. */
interface ImageTrees {
  /** A registry's files with every image. */
  registry: string;
  /** A containerd root with every image unpacked. */
  nodes: string;
}

const treesIn = (folder: string): ImageTrees => ({
  registry: path.join(folder, 'registry'),
  nodes: path.join(folder, 'nodes'),
});

/** Where the images are, or will be. The key covers the recipes and what the programs are built from, patches too. */
export async function imagesFolder(): Promise<string> {
  const hash = createHash('sha256');
  const inputs = [
    ...(await Array.fromAsync(glob('**/*', { cwd: recipes, withFileTypes: true })))
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name)),
    path.join(repoRoot, 'node_modules', `node-${process.platform}-${process.arch}`, 'package.json'),
    import.meta.filename,
    path.join(import.meta.dirname, 'image-recipes.ts'),
    path.join(import.meta.dirname, 'node-images.ts'),
  ];
  for (const file of inputs.sort()) {
    hash.update(path.basename(file)).update(await readFile(file));
  }
  for (const module of imageTools) {
    hash.update(await moduleKey(module));
  }
  return path.join(cacheDir, 'images', hash.digest('hex').slice(0, 12));
}

/** Builds the images that need no Go program. What is built already is found again in buildah's layers. */
export async function buildSystemImages(report: (image: string) => void): Promise<void> {
  if (existsSync(await imagesFolder())) {
    return;
  }
  report(debian);
  await buildDebian();
  for (const recipe of systemImages) {
    report(recipe.image);
    await buildRecipe(recipe);
  }
  for (const { folder, image } of programImages.filter(({ system }) => system)) {
    report(`${image} (its Debian packages)`);
    const dockerfile = path.join(recipes, folder, 'Dockerfile');
    await buildImage({
      image: `localhost/${folder}-system`,
      dockerfile,
      context: path.dirname(dockerfile),
      target: 'system',
    });
  }
}

/** Builds what is not built yet. */
export async function buildImages(report: (image: string) => void): Promise<ImageTrees> {
  const finished = await imagesFolder();
  if (!existsSync(finished)) {
    for (const recipe of programImages) {
      report(recipe.image);
      await buildRecipe(recipe);
    }
    const draft = `${finished}.${process.pid}`;
    await mkdir(draft, { recursive: true });
    try {
      await fill(treesIn(draft), report);
      await moveIntoCache(draft, finished);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  return treesIn(finished);
}

async function fill(trees: ImageTrees, report: (image: string) => void): Promise<void> {
  const images = [...[...systemImages, ...programImages].map((recipe) => recipe.image), helperImage];
  await mkdir(trees.registry);
  await withRegistry(trees.registry, async (address) => {
    for (const image of images) {
      report(`${image} into the registry`);
      await pushImage(image, address);
    }
    // The layers that the service stands on, so that pushing the service brings only what is its own.
    await pushImage(nodeImage, address, `${await appImageName()}:base`);
    await unpackImages(images, address, trees.nodes, report);
  });
}

async function buildRecipe(recipe: Recipe): Promise<void> {
  const context = path.join(recipes, recipe.folder);
  await buildImage({
    image: recipe.image,
    dockerfile: path.join(context, 'Dockerfile'),
    context,
    ...(recipe.contexts && { contexts: await recipe.contexts() }),
    ...(recipe.arguments && { arguments: await recipe.arguments() }),
  });
}

async function buildDebian(): Promise<void> {
  const context = await mkdtemp(path.join(tmpdir(), 'quotes-debian-'));
  try {
    const exclude = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*'];
    await execa('mmdebstrap', [
      '--variant=minbase',
      '--quiet',
      ...exclude.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
      'bookworm',
      path.join(context, 'rootfs.tar'),
    ]).catch((error: { stderr?: string }) => {
      throw new ImageError(`mmdebstrap failed:\n${error.stderr ?? ''}`);
    });
    const dockerfile = path.join(recipes, 'debian', 'Dockerfile');
    for (const image of [debian, helperImage]) {
      await buildImage({ image, dockerfile, context });
    }
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** Gives the cluster's registry all images of the cache. Files are linked: it takes no time and no space. */
export async function copyImages(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  const link = await execa('cp', ['-a', '--link', '--force', '--no-target-directory', from, to], {
    reject: false,
  });
  if (link.failed) {
    // Another file system: copy.
    await cp(from, to, { recursive: true, force: true });
  }
}

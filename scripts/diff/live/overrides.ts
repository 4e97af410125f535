import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { RenderedObject, Target } from '../../check/model.ts';
import { findKustomize } from '../../check/programs.ts';
import { renderTarget } from '../../check/render.ts';
import { manifestFolders } from '../../check/targets.ts';
import { YamlFiles } from '../../check/yaml/yaml-files.ts';
import { CannotRun } from '../../cli.ts';
import { runProgram } from '../../program.ts';
import { dirBelow } from './applications.ts';

/**
 * What an environment renders to with the images that its Application sets, as Argo CD does it: by `kustomize edit set
 * image` in a copy.
 * @throws {CannotRun} when Kustomize does not take them
 */
export async function withImages(
  root: string,
  target: Target,
  images: string[],
  progress: (line: string) => void,
): Promise<RenderedObject[]> {
  const kustomize = await findKustomize(progress);
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-diff-'));
  try {
    for (const folder of manifestFolders.filter((one) => existsSync(path.join(root, one)))) {
      await cp(path.join(root, folder), path.join(scratch, folder), { recursive: true });
    }
    const dir = dirBelow(root, target, scratch);
    const edited = await runProgram(kustomize, ['edit', 'set', 'image', ...images], {
      cwd: dir,
      reject: false,
    });
    const copied: Target = { role: 'environment', environment: target.environment, dir };
    const { objects, error } = edited.failed
      ? { objects: [], error: edited.stderr }
      : await renderTarget(kustomize, copied, new YamlFiles(scratch));
    if (error !== undefined) {
      const reason = error.replaceAll(`${scratch}/`, '');
      throw new CannotRun(
        `${target.environment} does not render with the images of its Application: ${reason}`,
      );
    }
    return objects.map((object) => ({ ...object, target }));
  } finally {
    await rm(scratch, { recursive: true });
  }
}

import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import type { JsonMap } from '../check/model.ts';
import { writeWhole } from '../check/outputs.ts';
import { type Freezes, freezesFile, readFreezes } from './calendar.ts';

/** The Component that apps/ lists, relative to the root: what freezes are to Argo CD. */
export const frozenFile = 'apps/frozen/kustomization.yaml';

const note = `# Made from ../../${freezesFile} by \`npm run check -- --write\`: change that, not this.\n`;

/**
 * The sync windows of an environment's project. A freeze that is overridden has none, whatever the time is: a file does
 * not change when an override is over. No two are the same but for their words, which Argo CD refuses.
 */
export function syncWindows({ freezes, overrides }: Freezes, stage: string): JsonMap[] {
  const isOverridden = (name: string) =>
    overrides.some(({ freeze, environment }) => freeze === name && environment === stage);
  const own = freezes.filter(({ name, environments }) => environments.includes(stage) && !isOverridden(name));
  const windows = own.map(({ name, reason, window: { schedule, duration, timeZone } }): JsonMap => {
    const description = `${name}: ${reason}`;
    return {
      ...{ kind: 'deny', schedule, duration, timeZone, applications: ['*'], manualSync: true },
      description: Buffer.byteLength(description) > mostDescribed ? name : description,
    };
  });
  const identity = ({ schedule, duration, timeZone }: JsonMap) =>
    JSON.stringify([schedule, duration, timeZone]);
  return [...new Map(windows.toReversed().map((window) => [identity(window), window])).values()].toReversed();
}

/** In bytes: a project with a longer one is invalid to Argo CD. */
const mostDescribed = 255;

/** The environments that some freeze names, in the order in which they are first named. */
export function frozenStages({ freezes }: Freezes): string[] {
  return [...new Set(freezes.flatMap(({ environments }) => environments))];
}

/** The text of the Component: a patch to the projects of each environment that has sync windows. */
function frozenComponent(freezes: Freezes): string {
  const patches = frozenStages(freezes).flatMap((stage) => {
    const windows = syncWindows(freezes, stage);
    const patch = {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'AppProject',
      metadata: { name: stage },
      spec: { syncWindows: windows },
    };
    const target = { kind: 'AppProject', labelSelector: `environment=${stage}` };
    return windows.length === 0 ? [] : [{ target, patch: stringify(patch, { lineWidth: 0 }) }];
  });
  const component = {
    apiVersion: 'kustomize.config.k8s.io/v1alpha1',
    kind: 'Component',
    ...(patches.length > 0 ? { patches } : { resources: [] }),
  };
  return note + stringify(component, { lineWidth: 0 });
}

/** Whether the Component is not what the freezes say. Where there are neither, it need not be. */
export async function isStale(root: string, freezes: Freezes): Promise<boolean> {
  const files = [freezesFile, frozenFile].map((file) => path.join(root, file));
  const there = await readFile(path.join(root, frozenFile), 'utf8').catch(() => undefined);
  return files.some((file) => existsSync(file)) && there !== frozenComponent(freezes);
}

/**
 * Writes the Component where it is not what the freezes say.
 * @returns the files that changed, relative to the root
 * @throws {CannotRun} when the freezes cannot be read or the Component not be written
 */
export async function writeFrozen(root: string): Promise<string[]> {
  const freezes = await readFreezes(root);
  if (!(await isStale(root, freezes))) {
    return [];
  }
  const file = path.join(root, frozenFile);
  await mkdir(path.dirname(file), { recursive: true });
  await writeWhole(file, frozenComponent(freezes));
  return [frozenFile];
}

import { type Kustomization, readKustomization } from './kustomization.ts';
import { pluginReferences } from './plugins.ts';
import type { YamlFiles } from './yaml/yaml-files.ts';

/**
 * Every kustomization that a folder's render reads, the folder's own first; each once. What their plug-ins name is
 * among their references.
 */
export async function reachable(dir: string, files: YamlFiles): Promise<Kustomization[]> {
  const found = new Map<string, Kustomization>();
  const visit = async (folder: string): Promise<void> => {
    const kustomization = found.has(folder) ? undefined : await readKustomization(folder, files);
    if (kustomization === undefined) {
      return;
    }
    const references = [...kustomization.references, ...(await pluginReferences(kustomization, files))];
    found.set(folder, { ...kustomization, references });
    for (const { kind, to } of references) {
      if (kind === 'kustomization') {
        await visit(to);
      }
    }
  };
  await visit(dir);
  return [...found.values()];
}

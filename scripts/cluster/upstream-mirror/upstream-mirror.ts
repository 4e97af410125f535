import path from 'node:path';
import { upstreamFile, upstreamManifests, upstreamUrl } from '../../upstream-manifests.ts';
import { answers } from '../answers.ts';
import { addresses, type ClusterLayout } from '../layout.ts';
import { ensureRunning, waitForComponent } from '../processes.ts';

/** What repo-server of this cluster needs to find the mirror under upstream's name. */
export const mirrorPatch = path.join(import.meta.dirname, 'repo-server.yaml');

/** The path of each upstream manifest's URL, and the pinned copy that is served there. */
async function mirroredFiles(): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const manifest of upstreamManifests) {
    files[new URL(await upstreamUrl(manifest)).pathname] = await upstreamFile(manifest);
  }
  return files;
}

/**
 * Serves, over TLS and under upstream's name, the pinned manifests that kustomizations name by URL: Argo CD renders
 * them unmodified, as the nodes pull images from the registry under upstream's names.
 */
export async function ensureUpstreamMirror(layout: ClusterLayout): Promise<void> {
  const name = 'upstream-mirror';
  const program = path.join(import.meta.dirname, 'program.ts');
  const files = Object.entries(await mirroredFiles()).flat();
  await ensureRunning(layout, {
    name,
    owner: 'control-plane',
    namespace: layout.controlPlaneNamespace,
    command: [process.execPath, program, layout.name, ...files],
  });
  const url = `https://${addresses.controlPlane}/`;
  await waitForComponent(layout, name, () => answers(layout, url, '--insecure'));
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Kubectl } from '../../gitops/kubectl.ts';
import { inClusterRepository } from '../layout.ts';

/** As much of an Argo CD Application as says what it has seen of the repository. */
export interface SeenApplication {
  metadata: { name: string };
  spec: { source?: { repoURL: string } };
  status?: { sync?: { revision?: string; status?: string } };
}

/** Seconds after a push at which to look. A healthy push is seen within one; after the last, Argo CD's poll is near. */
const looks = [3, 8, 20, 50];

/**
 * The Applications of our repository whose last comparison was with another commit, or that are not as the commit says: a
 * push that ends a freeze changes a project, and Argo CD asks none of its Applications again for that.
 */
export function behind(applications: SeenApplication[], commit: string): string[] {
  return applications
    .filter(({ spec, status }) => {
      const { revision, status: is } = status?.sync ?? {};
      return spec.source?.repoURL === inClusterRepository && (revision !== commit || is === 'OutOfSync');
    })
    .map(({ metadata }) => metadata.name);
}

/**
 * Asks Argo CD again for Applications that have not seen the commit. Argo CD 3.5 drops a refresh that is requested
 * while another is under way (argoproj/argo-cd#28392), and a webhook can fail.
 * @param superseded aborted when a newer push takes over
 */
export async function followUp(
  kubectl: Kubectl,
  commit: string,
  superseded: AbortSignal,
  log: (text: string) => void,
): Promise<void> {
  let waited = 0;
  for (const seconds of looks) {
    await sleep((seconds - waited) * 1000, undefined, { signal: superseded });
    waited = seconds;
    try {
      const list = ['get', 'applications.argoproj.io', '--namespace=argocd'];
      const { items } = (await kubectl.json<{ items: SeenApplication[] }>(list)) ?? { items: [] };
      const late = behind(items, commit);
      if (late.length === 0) {
        return;
      }
      const refresh = ['argocd.argoproj.io/refresh=normal', '--overwrite', '--namespace=argocd'];
      await kubectl(['annotate', 'applications.argoproj.io', ...late, ...refresh]);
      log(`${late.join(', ')} were not at ${commit} after ${seconds} s: asked again`);
    } catch (error) {
      log(`following up ${commit}: ${(error as Error).message}`);
    }
  }
}

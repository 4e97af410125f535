import { existsSync } from 'node:fs';
import { CannotRun } from './cli.ts';
import { clusterLayout, defaultClusterName } from './cluster/layout.ts';
import type { ClusterReference } from './gitops/kubectl.ts';

/**
 * The cluster that the user means: a kubectl context, or the embedded cluster of a name.
 * @throws {CannotRun} when the embedded cluster was never started
 */
export function clusterReference(choice: {
  name?: string | undefined;
  context?: string | undefined;
}): ClusterReference {
  if (choice.context !== undefined) {
    return { context: choice.context };
  }
  const { kubeconfig, name } = clusterLayout(choice.name ?? defaultClusterName);
  if (!existsSync(kubeconfig)) {
    throw new CannotRun(`There is no cluster "${name}": start it with "npm start", or name another.`);
  }
  return { kubeconfig };
}

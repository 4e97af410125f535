import type { Kubectl } from '../../gitops/kubectl.ts';
import type { Difference } from '../model.ts';

export async function liveDifference(
  _root: string,
  _kubectl: Kubectl,
  _progress: (line: string) => void,
): Promise<Difference> {
  throw new Error('todo');
}

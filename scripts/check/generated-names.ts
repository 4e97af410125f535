import type { ObjectId } from './model.ts';

/** As Kustomize encodes a hash: no vowels, no zero, one or three. */
const hash = /-[2456789bcdfghkmt]{10}$/;

/** The object's name without the hash of its content, with which Kustomize ends what a generator makes. */
export function nameWithoutHash({ kind, name }: ObjectId): string {
  return kind === 'ConfigMap' || kind === 'Secret' ? name.replace(hash, '') : name;
}

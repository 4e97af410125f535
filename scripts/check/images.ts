import { containersOf, type Graph, type Pod } from './graph/graph.ts';
import { type FieldPath, text } from './model.ts';

/** An image that a pod runs. `digest` is '' where a tag says which it is, or nothing does. */
export type Image = { image: string; name: string; digest: string; pod: Pod; path: FieldPath };

/** The images of the pods of an environment, those of operators' included. */
export function imagesOf(graph: Graph): Image[] {
  return graph.pods.flatMap((pod) =>
    containersOf(pod).flatMap(({ container, path }) => {
      const image = text(container.image);
      return image === '' ? [] : [{ image, ...readImage(image), pod, path: [...path, 'image'] }];
    }),
  );
}

/** The name and the digest of an image as a container names it. */
export function readImage(image: string): { name: string; digest: string } {
  const [, name = '', digest = ''] = /^(.*?)(?::[^/:@]*)?(?:@(sha256:[0-9a-f]{64}))?$/.exec(image) ?? [];
  return { name, digest };
}

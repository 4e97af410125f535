import { isMap, type Json, type JsonMap, maps, text } from '../model.ts';

/**
 * Whether labels satisfy a LabelSelector; an absent or empty one selects everything. The semantics are those of
 * `LabelSelectorAsSelector` in k8s.io/apimachinery: NotIn and DoesNotExist hold for a label that is not there.
 */
export function selects(selector: Json | undefined, labels: JsonMap): boolean {
  if (!isMap(selector)) {
    return true;
  }
  const wanted = isMap(selector.matchLabels) ? Object.entries(selector.matchLabels) : [];
  return (
    wanted.every(([key, value]) => labels[key] === value) &&
    maps(selector.matchExpressions).every(({ key, operator, values }) => {
      const label = labels[text(key)];
      const listed = Array.isArray(values) && label !== undefined && values.includes(label);
      switch (operator) {
        case 'In':
          return listed;
        case 'NotIn':
          return !listed;
        case 'Exists':
          return label !== undefined;
        default:
          return label === undefined;
      }
    })
  );
}

/** An object's labels, none when it has none. */
export function labelsOf(value: JsonMap): JsonMap {
  const metadata = isMap(value.metadata) ? value.metadata : {};
  return isMap(metadata.labels) ? metadata.labels : {};
}

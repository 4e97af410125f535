import { resourceKey } from './admission/resources.ts';
import type { RenderedObject, Violation } from './model.ts';
import type { ServedKinds } from './schemas/served-kinds.ts';
import { departures } from './schemas/validate.ts';

/** A departure from an object's schema. */
type SchemaViolation = Violation & { rule: 'unknown-kind' | 'unknown-field' | 'schema' };

/** `validated` counts the objects that a schema was found for. */
export type Conformance = { violations: SchemaViolation[]; validated: number };

/** Validates every object strictly against its kind's schema. */
export function checkConformance(served: ServedKinds, objects: RenderedObject[]): Conformance {
  const violations: SchemaViolation[] = [];
  let validated = 0;
  for (const object of objects) {
    const { apiVersion, id, value } = object;
    if (apiVersion === '' || id.kind === '') {
      const message = 'no apiVersion and kind: this is no manifest';
      violations.push({ rule: 'schema', object, path: [], message });
      continue;
    }
    const schema = served.schemaOf(apiVersion, id.kind);
    if (schema === undefined) {
      const message = `the cluster serves no ${id.kind} in ${apiVersion}`;
      violations.push({ rule: 'unknown-kind', object, path: ['kind'], message });
      continue;
    }
    validated += 1;
    for (const { path, keyword, message } of departures(schema, value)) {
      const field = path.length === 0 ? 'the object' : path.join('.');
      violations.push(
        keyword === 'additionalProperties'
          ? { rule: 'unknown-field', object, path, message: `${id.kind} has no field ${field}` }
          : { rule: 'schema', object, path, message: `${field} ${message}` },
      );
    }
  }
  return { violations, validated };
}

/** Objects of kinds that are served still and announced to go. */
export function deprecatedObjects({ resources }: ServedKinds, objects: RenderedObject[]): Violation[] {
  return objects.flatMap((object) => {
    const { apiVersion, id } = object;
    const deprecated = resources.get(resourceKey(apiVersion, id.kind))?.deprecated;
    const message = `${id.kind} in ${apiVersion} is deprecated: ${deprecated}`;
    return deprecated === undefined ? [] : [{ object, path: ['apiVersion'], message }];
  });
}

import type { JsonMap, RenderedObject, Violation } from './model.ts';
import { storedSchema } from './schemas/store.ts';
import { departures } from './schemas/validate.ts';

/** A departure from an object's schema. */
type SchemaViolation = Violation & { rule: 'unknown-kind' | 'unknown-field' | 'schema' };

/** `validated` counts the objects that a schema was found for. */
export type Conformance = { violations: SchemaViolation[]; validated: number };

/** Validates every object strictly against its kind's schema in the store at `schemas`. */
export function checkConformance(schemas: string, objects: RenderedObject[]): Conformance {
  const known = new Map<string, JsonMap | undefined>();
  const violations: SchemaViolation[] = [];
  let validated = 0;
  for (const object of objects) {
    const { apiVersion, id, value } = object;
    if (apiVersion === '' || id.kind === '') {
      const message = 'no apiVersion and kind: this is no manifest';
      violations.push({ rule: 'schema', object, path: [], message });
      continue;
    }
    const key = `${apiVersion} ${id.kind}`;
    if (!known.has(key)) {
      known.set(key, storedSchema(schemas, apiVersion, id.kind));
    }
    const schema = known.get(key);
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

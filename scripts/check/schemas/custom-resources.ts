import { isMap, type Json, type JsonMap, maps, text } from '../model.ts';
import { topLevel } from './kubernetes.ts';
import type { KindSchema } from './store.ts';

/**
 * The versions that a CustomResourceDefinition serves, each with its strict schema when somebody asks for it: some take
 * longer to make than all else. `metadata` is the schema of ObjectMeta, which a CRD leaves to Kubernetes.
 */
export function customResources(
  crd: JsonMap,
  metadata: JsonMap,
): (Omit<KindSchema, 'schema'> & { schema: () => JsonMap })[] {
  const spec = isMap(crd.spec) ? crd.spec : {};
  const names = isMap(spec.names) ? spec.names : {};
  const kind = text(names.kind);
  return maps(spec.versions)
    .filter((version) => version.served === true)
    .map((version) => {
      const apiVersion = `${text(spec.group)}/${text(version.name)}`;
      return {
        apiVersion,
        kind,
        resource: text(names.plural),
        namespaced: spec.scope === 'Namespaced',
        ...(version.deprecated === true && {
          deprecated: text(version.deprecationWarning) || 'by its definition',
        }),
        schema: () => {
          const structural = isMap(version.schema) ? version.schema.openAPIV3Schema : undefined;
          const schema = strict(isMap(structural) ? structural : {});
          const properties = isMap(schema.properties) ? schema.properties : {};
          return topLevel({ ...schema, properties: { ...properties, metadata } }, apiVersion, kind);
        },
      };
    });
}

/** Value validations that mean in JSON Schema draft 4 what they mean in a structural schema. */
const kept = [
  'enum',
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
  'required',
  'x-kubernetes-validations',
  // Inside these a schema only adds conditions: what fields there are is said outside, so they stay as they are.
  'allOf',
  'anyOf',
  'oneOf',
  'not',
];

/**
 * A structural schema as draft 4 JSON Schema that refuses what it does not name.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
function strict(node: JsonMap): JsonMap {
  const schema: JsonMap = {};
  for (const key of kept) {
    const value = node[key];
    if (value !== undefined) {
      schema[key] = value;
    }
  }
  Object.assign(schema, format(node.format));
  if (node['x-kubernetes-int-or-string'] === true) {
    // Its anyOf repeats the two types; kubeconform would report only that "anyOf failed".
    const { anyOf: _, ...rest } = schema;
    return { ...rest, type: withNull(['integer', 'string'], node) };
  }
  if (node.type !== undefined) {
    schema.type = withNull(node.type, node);
  }
  if (isMap(node.items)) {
    schema.items = strict(node.items);
  }
  const open = node['x-kubernetes-preserve-unknown-fields'] === true;
  if (isMap(node.properties)) {
    const { properties } = node;
    // The API server sets what has a default before it looks whether it is there.
    const required = (Array.isArray(schema.required) ? schema.required : []).filter((key) => {
      const property = properties[text(key)];
      return !isMap(property) || property.default === undefined;
    });
    if (required.length > 0) {
      schema.required = required;
    } else {
      delete schema.required;
    }
    schema.properties = Object.fromEntries(
      Object.entries(node.properties).map(([key, value]) => [key, strict(isMap(value) ? value : {})]),
    );
    schema.additionalProperties = open;
  } else if (isMap(node.additionalProperties)) {
    schema.additionalProperties = strict(node.additionalProperties);
  } else if (node.type === 'object' && !open && node.additionalProperties !== true) {
    // The API server prunes every field of an object schema that names none.
    schema.additionalProperties = false;
  }
  if (node['x-kubernetes-embedded-resource'] === true && isMap(schema.properties)) {
    schema.properties = {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: {},
      ...schema.properties,
    };
  }
  return schema;
}

function withNull(type: Json, node: JsonMap): Json {
  const types = Array.isArray(type) ? type : [type];
  // Where there is a default, the API server reads null as what is not there.
  return node.nullable === true || node.default !== undefined ? [...types, 'null'] : type;
}

function format(name: Json | undefined): JsonMap {
  // The other formats a CRD may name are checked by the API server with Go code of its own.
  return name === 'date-time' || name === 'duration' ? { format: name } : {};
}

import type { Json, JsonMap } from '../model.ts';
import { isMap, maps, text } from '../model.ts';
import type { KindSchema } from './store.ts';
import { base64Pattern, quantityPattern } from './validate.ts';

/** The parts of Kubernetes' OpenAPI v2 document that are read here. */
export type Swagger = {
  definitions: Record<string, JsonMap>;
  paths: Record<string, { post?: JsonMap }>;
};

const jsonSchemaProps = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';
const props = { $ref: '#/definitions/JSONSchemaProps' };

/** Types whose JSON is not what the document says, each as its Go type's UnmarshalJSON reads it. */
const special: Record<string, JsonMap> = {
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: ['string', 'integer'] },
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: ['string', 'number'], pattern: quantityPattern },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': { type: 'object' },
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': { type: 'object' },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': {},
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': {
    anyOf: [props, { type: 'array', items: props }],
  },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': {
    anyOf: [props, { type: 'boolean' }],
  },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray': {
    anyOf: [props, { type: 'array', items: { type: 'string' } }],
  },
};

/** Fields that the document calls required, and that kube-apiserver takes as empty where they are not there. */
const notRequired: Record<string, string[]> = {
  'io.k8s.api.core.v1.SleepAction': ['seconds'],
  'io.k8s.api.batch.v1.PodFailurePolicy': ['rules'],
};

const int32 = { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };

/**
 * A strict schema for every kind that can be created at a kube-apiserver with default flags: stable versions
 * only, as `DefaultAPIResourceConfigSource` in k8s.io/kubernetes/pkg/controlplane/instance.go disables the rest.
 */
export function kubernetesSchemas(swagger: Swagger): KindSchema[] {
  const recursive = inline(swagger, swagger.definitions[jsonSchemaProps] ?? {});
  return creatableKinds(swagger).map(({ group, version, kind, definition, url }) => {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const schema = topLevel(inline(swagger, definition), apiVersion, kind);
    return {
      apiVersion,
      kind,
      resource: url.split('/').at(-1) ?? '',
      namespaced: url.includes('{namespace}'),
      ...deprecation(text(definition.description)),
      schema:
        kind === 'CustomResourceDefinition'
          ? { ...schema, definitions: { JSONSchemaProps: recursive } }
          : schema,
    };
  });
}

/** What the document says of a kind that is announced to go, as the comment of its Go type: "deprecated in v1.33+". */
function deprecation(description: string): { deprecated?: string } {
  const since = /\bdeprecated in (v1\.\d+)/i.exec(description)?.[1];
  return since === undefined ? {} : { deprecated: `since Kubernetes ${since}` };
}

/** The schema of `metadata` at the top of an object. */
export function objectMeta(swagger: Swagger): JsonMap {
  return inline(swagger, swagger.definitions['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'] ?? {});
}

/** Says in the schema which object it is for: kubeconform finds the file by the kind's lower-case name. */
export function topLevel(schema: JsonMap, apiVersion: string, kind: string): JsonMap {
  const properties = isMap(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  return {
    ...schema,
    properties: { ...properties, apiVersion: { enum: [apiVersion] }, kind: { enum: [kind] } },
    required: [...new Set([...required, 'apiVersion', 'kind', 'metadata'])],
  };
}

function creatableKinds(swagger: Swagger) {
  type Kind = { group: string; version: string; kind: string; definition: JsonMap; url: string };
  const kinds = new Map<string, Kind>();
  const definitions = new Map<string, JsonMap>();
  for (const definition of Object.values(swagger.definitions)) {
    for (const gvk of maps(definition['x-kubernetes-group-version-kind'])) {
      definitions.set(`${text(gvk.group)}/${text(gvk.version)}/${text(gvk.kind)}`, definition);
    }
  }
  for (const [url, { post }] of Object.entries(swagger.paths)) {
    const gvk = post?.['x-kubernetes-group-version-kind'];
    // A path below {name} is a subresource: it acts on an object and makes none.
    if (!isMap(gvk) || url.includes('{name}') || /alpha|beta/.test(text(gvk.version))) {
      continue;
    }
    const [group, version, kind] = [text(gvk.group), text(gvk.version), text(gvk.kind)];
    const key = `${group}/${version}/${kind}`;
    const definition = definitions.get(key);
    if (definition !== undefined) {
      kinds.set(key, { group, version, kind, definition, url });
    }
  }
  return [...kinds.values()];
}

/** Resolves every $ref in place: kubeconform reports only the outermost step of an error behind a $ref. */
function inline(swagger: Swagger, node: JsonMap): JsonMap {
  if (typeof node.$ref === 'string') {
    const name = node.$ref.replace('#/definitions/', '');
    if (name === jsonSchemaProps) {
      return props;
    }
    const definition = swagger.definitions[name] ?? {};
    const free = notRequired[name] ?? [];
    return (
      special[name] ??
      inline(swagger, {
        ...definition,
        ...(free.length > 0 && { required: stillRequired(definition, free) }),
      })
    );
  }
  const { type, format, properties, required, items, additionalProperties } = node;
  const schema: JsonMap = {};
  if (type !== undefined) {
    schema.type = type;
  }
  if (format === 'int32') {
    Object.assign(schema, int32);
  } else if (format === 'byte') {
    schema.pattern = base64Pattern;
  } else if (format === 'date-time') {
    schema.format = format;
  }
  if (isMap(properties)) {
    const needed = new Set(Array.isArray(required) ? required : []);
    schema.properties = Object.fromEntries(
      Object.entries(properties).map(([key, property]) => {
        const inlined = inline(swagger, isMap(property) ? property : {});
        return [key, needed.has(key) ? inlined : orNull(inlined)];
      }),
    );
    schema.additionalProperties = false;
  }
  if (isMap(additionalProperties)) {
    schema.additionalProperties = orEmpty(inline(swagger, additionalProperties));
  }
  if (isMap(items)) {
    schema.items = orEmpty(inline(swagger, items));
  }
  if (Array.isArray(required) && required.length > 0) {
    schema.required = required;
  }
  return schema;
}

function stillRequired({ required }: JsonMap, free: string[]): Json[] {
  return Array.isArray(required) ? required.filter((field) => !free.includes(String(field))) : [];
}

/** Go reads null as an empty string or 0 where a list or a map holds these. */
function orEmpty(schema: JsonMap): JsonMap {
  return schema.type === 'object' || schema.type === 'array' ? schema : orNull(schema);
}

/** The API server reads null as absent; controller-gen's manifests say `creationTimestamp: null`. */
function orNull(schema: JsonMap): JsonMap {
  if (typeof schema.type === 'string') {
    return { ...schema, type: [schema.type, 'null'] };
  }
  return Array.isArray(schema.type) ? { ...schema, type: [...schema.type, 'null'] } : schema;
}

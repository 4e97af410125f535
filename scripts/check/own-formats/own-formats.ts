import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { type FieldPath, isMap, type Json, type JsonMap } from '../model.ts';
import type { YamlFile } from '../yaml/yaml-files.ts';

/** The project's own YAML formats, each described by the `<name>.schema.json` beside this file. */
export type OwnFormat = 'kustomization' | 'exemptions' | 'freezes' | 'advisories';

/** Where a document departs from its format. */
export type Departure = { line: number; message: string; unknownField: boolean };

const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false, verbose: true });
const validators = new Map<string, ValidateFunction>();

function readSchema(name: string): Json {
  return JSON.parse(readFileSync(path.join(import.meta.dirname, `${name}.schema.json`), 'utf8'));
}

function validator(name: string, schema: () => object): ValidateFunction {
  const validate = validators.get(name) ?? ajv.compile(schema());
  validators.set(name, validate);
  return validate;
}

type PluginField = 'transformers' | 'generators';

let pluginSchemas: Record<PluginField, JsonMap> | undefined;

function readPlugins(): Record<PluginField, JsonMap> {
  if (pluginSchemas === undefined) {
    const schema = readSchema('plugins');
    const { transformers = {}, generators = {}, definitions = {} } = isMap(schema) ? schema : {};
    ajv.addSchema(object(readSchema('kustomization')), 'kustomization');
    ajv.addSchema({ definitions }, 'plugins');
    pluginSchemas = { transformers: object(transformers), generators: object(generators) };
  }
  return pluginSchemas;
}

function object(value: Json | undefined): JsonMap {
  return isMap(value) ? value : {};
}

/** The kinds of Kustomize's builtin plug-ins that plugins.schema.json describes. */
export function pluginKinds(field: PluginField): Set<string> {
  return new Set(Object.keys(readPlugins()[field]));
}

/** Every departure of a builtin plug-in's configuration from its format, with its line. */
export function pluginDepartures(kind: string, file: YamlFile, index: number, value: Json): Departure[] {
  const { transformers, generators } = readPlugins();
  const own = object(transformers[kind] ?? generators[kind]);
  const validate = validator(`plugin ${kind}`, () => ({
    type: 'object',
    additionalProperties: false,
    required: ['apiVersion', 'kind', 'metadata', ...(Array.isArray(own.required) ? own.required : [])],
    properties: {
      apiVersion: { const: 'builtin' },
      kind: { const: kind },
      metadata: { $ref: 'plugins#/definitions/metadata' },
      ...object(own.properties),
    },
  }));
  return departuresFrom(validate, file, index, value);
}

/** Every departure of a file's document from a format, with its line. */
export function departures(format: OwnFormat, file: YamlFile, index: number, value: Json): Departure[] {
  return departuresFrom(
    validator(format, () => object(readSchema(format))),
    file,
    index,
    value,
  );
}

function departuresFrom(validate: ValidateFunction, file: YamlFile, index: number, value: Json): Departure[] {
  validate(value);
  const errors = validate.errors ?? [];
  return errors
    .filter((error) => !repeats(error, errors))
    .map((error) => {
      const at = fieldPath(error, value);
      const unknownField = error.keyword === 'additionalProperties';
      return { line: file.locate(index, at).line, message: sentence(error, at), unknownField };
    });
}

/** "must match exactly one schema" and "must match then schema" only repeat what another error at the place says. */
function repeats(error: ErrorObject, errors: ErrorObject[]): boolean {
  return (
    ['oneOf', 'if'].includes(error.keyword) &&
    errors.some((other) => other !== error && other.instancePath.startsWith(error.instancePath))
  );
}

/** Ajv's JSON pointer as steps, the offending key included when the error is about one. */
function fieldPath(error: ErrorObject, value: Json): FieldPath {
  const steps: FieldPath = [];
  let current: unknown = value;
  for (const part of error.instancePath.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    steps.push(Array.isArray(current) ? Number(key) : key);
    current = Array.isArray(current) ? current[Number(key)] : isMap(current) ? current[key] : undefined;
  }
  const extra: unknown = error.params.additionalProperty;
  return typeof extra === 'string' ? [...steps, extra] : steps;
}

function sentence(error: ErrorObject, at: FieldPath): string {
  const field = at.length === 0 ? 'the document' : at.join('.');
  switch (error.keyword) {
    case 'additionalProperties':
      return `unknown field "${field}"`;
    case 'required':
      return `${field} lacks "${String(error.params.missingProperty)}"`;
    case 'not':
      return `${field} is not used here: ${String(error.parentSchema?.description)}`;
    case 'enum':
      return `${field} must be one of ${JSON.stringify(error.params.allowedValues)}, not ${JSON.stringify(error.data)}`;
    case 'const':
      return `${field} must be ${JSON.stringify(error.params.allowedValue)}, not ${JSON.stringify(error.data)}`;
    default:
      return `${field} ${error.message ?? 'is not valid'}, not ${JSON.stringify(error.data)}`;
  }
}

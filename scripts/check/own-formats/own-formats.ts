import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { type FieldPath, isMap, type Json } from '../model.ts';
import type { YamlFile } from '../yaml/yaml-files.ts';

/** The project's own YAML formats, each described by the `<name>.schema.json` beside this file. */
export type OwnFormat = 'kustomization' | 'image-transformer' | 'exemptions';

/** Where a document departs from its format. */
export type Departure = { line: number; message: string; unknownField: boolean };

const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false, verbose: true });
const validators = new Map<OwnFormat, ValidateFunction>();

function validator(format: OwnFormat): ValidateFunction {
  let validate = validators.get(format);
  if (validate === undefined) {
    const schema = path.join(import.meta.dirname, `${format}.schema.json`);
    validate = ajv.compile(JSON.parse(readFileSync(schema, 'utf8')));
    validators.set(format, validate);
  }
  return validate;
}

/** Every departure of a file's document from a format, with its line. */
export function departures(format: OwnFormat, file: YamlFile, index: number, value: Json): Departure[] {
  const validate = validator(format);
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

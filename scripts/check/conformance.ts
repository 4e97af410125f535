import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { CannotRun } from '../cli.ts';
import type { FieldPath, Json, RenderedObject, Violation } from './model.ts';
import { schemaLocation } from './schemas/store.ts';

/** A departure from an object's schema. */
type SchemaViolation = Violation & { rule: 'unknown-kind' | 'unknown-field' | 'schema' };

/** `validated` counts the objects that a schema was found for and a verdict given on. */
export type Conformance = { violations: SchemaViolation[]; validated: number; skipped: number };

type Verdict = {
  filename: string;
  status: string;
  msg: string;
  validationErrors?: { path: string; msg: string }[];
};

/**
 * Validates every object strictly against its kind's schema, in one run of kubeconform. An object without a
 * verdict counts as skipped, and kubeconform is given no way to skip one.
 * @throws {CannotRun} when kubeconform does not answer.
 */
export async function checkConformance(
  kubeconform: string,
  schemas: string,
  objects: RenderedObject[],
  scratch: string,
): Promise<Conformance> {
  if (objects.length === 0) {
    return { violations: [], validated: 0, skipped: 0 };
  }
  await mkdir(scratch, { recursive: true });
  // A file an object, as JSON: kubeconform's verdict names the file, and JSON has no "---" to split at.
  await Promise.all(
    objects.map((object, index) =>
      writeFile(path.join(scratch, `${index}.json`), JSON.stringify(object.value)),
    ),
  );
  const flags = ['-strict', '-verbose', '-output', 'json', '-n', String(2 * availableParallelism())];
  const run = await execa(kubeconform, [...flags, '-schema-location', schemaLocation(schemas), scratch], {
    reject: false,
    stdin: 'ignore',
  });
  if (!run.stdout.startsWith('{')) {
    throw new CannotRun(`kubeconform gave no verdicts: ${run.stderr || run.message}`);
  }
  const { resources }: { resources: Verdict[] } = JSON.parse(run.stdout);
  const verdicts = new Map(
    resources.map((verdict) => [Number(path.basename(verdict.filename, '.json')), verdict]),
  );
  const violations: SchemaViolation[] = [];
  let validated = 0;
  let skipped = 0;
  for (const [index, object] of objects.entries()) {
    const verdict = verdicts.get(index);
    if (verdict?.status === 'statusValid' || verdict?.status === 'statusInvalid') {
      validated += 1;
      violations.push(...schemaViolations(object, verdict));
    } else if (verdict?.status === 'statusError') {
      violations.push(unknownKind(object, verdict));
    } else {
      skipped += 1;
    }
  }
  return { violations, validated, skipped };
}

function unknownKind(object: RenderedObject, verdict: Verdict): SchemaViolation {
  const { apiVersion, id } = object;
  if (verdict.msg.startsWith('could not find schema')) {
    const message = `the cluster serves no ${id.kind} in ${apiVersion}`;
    return { rule: 'unknown-kind', object, path: ['kind'], message };
  }
  const message =
    id.kind === '' || apiVersion === '' ? 'no apiVersion and kind: this is no manifest' : verdict.msg;
  return { rule: 'schema', object, path: [], message };
}

function schemaViolations(object: RenderedObject, verdict: Verdict): SchemaViolation[] {
  if (verdict.status === 'statusValid') {
    return [];
  }
  const errors = verdict.validationErrors ?? [];
  if (errors.length === 0) {
    return [{ rule: 'schema', object, path: [], message: verdict.msg }];
  }
  return errors.flatMap((error): SchemaViolation[] => {
    const at = fieldPath(object.value, error.path);
    const unknown = /^additional properties (.*) not allowed$/.exec(error.msg)?.[1];
    if (unknown === undefined) {
      const field = at.length === 0 ? 'the object' : at.join('.');
      return [{ rule: 'schema', object, path: at, message: `${field}: ${error.msg}` }];
    }
    return [...unknown.matchAll(/'([^']*)'/g)].map((name) => {
      const path = [...at, name[1] ?? ''];
      return {
        rule: 'unknown-field',
        object,
        path,
        message: `${object.id.kind} has no field ${path.join('.')}`,
      };
    });
  });
}

/** Kubeconform joins steps with "/" and escapes nothing, so keys that hold one are found in the object. */
function fieldPath(value: Json, joined: string): FieldPath {
  const parts = joined.split('/').slice(1);
  const steps: FieldPath = [];
  let current: Json | undefined = value;
  for (let at = 0; at < parts.length; at += 1) {
    if (Array.isArray(current)) {
      const index = Number(parts[at]);
      steps.push(index);
      current = current[index];
      continue;
    }
    if (typeof current !== 'object' || current === null) {
      break;
    }
    let key = parts[at] ?? '';
    while (!(key in current) && at + 1 < parts.length) {
      at += 1;
      key = `${key}/${parts[at]}`;
    }
    steps.push(key);
    current = current[key];
  }
  return steps;
}

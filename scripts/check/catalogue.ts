import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import { type Policy, readPolicies } from './admission/policy.ts';
import type { Rule } from './model.ts';
import { findPrograms } from './programs.ts';
import { renderKustomization } from './render.ts';
import { structureRules } from './structure-rules.ts';
import { policiesTarget } from './targets.ts';
import { YamlFiles } from './yaml/yaml-files.ts';

/** The rules that are code, and the file that says them, relative to the repository. Another source is a line here. */
const codeRules: { definedIn: string; rules: Rule[] }[] = [
  { definedIn: 'scripts/check/structure-rules.ts', rules: structureRules },
];

/** Every rule that the check can name. */
export function allRules(policies: Policy[]): Rule[] {
  return [...codeRules.flatMap(({ rules }) => rules), ...policies.map(({ rule }) => rule)];
}

type ExampleFile = { file: string; text: string };

/** A rule with the file that defines it and its examples, if it has any. Files are relative to the root. */
export type CatalogueEntry = Rule & { definedIn: string; valid?: ExampleFile; invalid?: ExampleFile };

/**
 * The rules that a check of `root` holds: those that are code, and that root's policies.
 * @throws {CannotRun} when a policy cannot be read: a list that lacks it would look whole
 */
export async function catalogue(root: string, progress: (line: string) => void): Promise<CatalogueEntry[]> {
  const { kustomize } = await findPrograms(progress);
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-catalogue-'));
  try {
    const { objects, error } = await renderKustomization(
      kustomize,
      policiesTarget(root),
      path.join(scratch, 'policies'),
      new YamlFiles(),
    );
    const { policies, refusals } = readPolicies(objects);
    const problem = error ?? refusals[0]?.message;
    if (problem !== undefined) {
      throw new CannotRun(
        `${path.join(root, 'policies')} cannot be read: ${problem}. "npm run check" says where.`,
      );
    }
    const sources = new Map(
      objects
        .filter(({ id }) => id.kind === 'ValidatingAdmissionPolicy')
        .map(({ id, source }) => [id.name, source]),
    );
    return [
      ...codeRules.flatMap(({ definedIn, rules }) => rules.map((rule) => ({ ...rule, definedIn }))),
      ...(await Promise.all(
        policies.map(({ rule }) => policyEntry(root, rule, sources.get(rule.id) ?? root)),
      )),
    ];
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function policyEntry(root: string, rule: Rule, source: string): Promise<CatalogueEntry> {
  const example = async (kind: 'valid' | 'invalid') => {
    const file = path.join(path.dirname(source), `${kind}.yaml`);
    const text = await readFile(file, 'utf8').catch(() => undefined);
    return text === undefined ? {} : { [kind]: { file: path.relative(root, file), text: text.trimEnd() } };
  };
  return {
    ...rule,
    definedIn: path.relative(root, source),
    ...(await example('valid')),
    ...(await example('invalid')),
  };
}

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import { type Policy, readPolicies } from './admission/policy.ts';
import { graphRules } from './graph/rules.ts';
import type { Rule } from './model.ts';
import { findKustomize } from './programs.ts';
import { renderTarget } from './render.ts';
import { structureRules } from './structure-rules.ts';
import { policiesTarget } from './targets.ts';
import { YamlFiles } from './yaml/yaml-files.ts';

/** The rules that are code, and the file that says them, relative to the repository. Another source is a line here. */
const codeRules: { definedIn: string; rules: Rule[] }[] = [
  { definedIn: 'scripts/check/structure-rules.ts', rules: structureRules },
  { definedIn: 'scripts/check/graph', rules: graphRules },
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
  const kustomize = await findKustomize(progress);
  const { objects, error } = await renderTarget(kustomize, policiesTarget(root), new YamlFiles());
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
    ...(await Promise.all(
      [
        ...codeRules.flatMap(({ definedIn, rules }) => rules.map((rule) => ({ rule, definedIn }))),
        ...policies.map(({ rule }) => ({
          rule,
          definedIn: path.relative(root, sources.get(rule.id) ?? root),
        })),
      ].map(({ rule, definedIn }) => entryOf(root, rule, definedIn)),
    )),
  ];
}

/** A rule with its examples, which are in the folder of policies/ that has its name. */
async function entryOf(root: string, rule: Rule, definedIn: string): Promise<CatalogueEntry> {
  const { id, group, severity, gates, why, fix } = rule;
  const example = async (kind: 'valid' | 'invalid') => {
    const file = path.join('policies', id, `${kind}.yaml`);
    const text = await readFile(path.join(root, file), 'utf8').catch(() => undefined);
    return text === undefined ? {} : { [kind]: { file, text: text.trimEnd() } };
  };
  return {
    ...{ id, group, severity, gates, why, fix, definedIn },
    ...(await example('valid')),
    ...(await example('invalid')),
  };
}

import { glob } from 'node:fs/promises';
import path from 'node:path';
import type { Rule } from './model.ts';
import { departures } from './own-formats/own-formats.ts';
import type { SourceFinding } from './sources.ts';
import type { YamlFiles } from './yaml-files.ts';

/** The probes a container can have. */
type Probe = 'livenessProbe' | 'readinessProbe' | 'startupProbe';

type RuleText = Omit<Rule, 'id'>;

/** policies/minimums.yaml, once its schema has vouched for it. */
export type Minimums = {
  /** Replicas per workload and environment. */
  'minimum-replicas': RuleText & { workloads: Record<string, Record<string, number>> };
  probes: RuleText & { required: Probe[] };
};

/** What policies/ says. Without minimums the findings say why, and the rules that need them hold nothing. */
export type Policies = { minimums?: Minimums; rules: Rule[]; findings: SourceFinding[] };

/** Reads every file in policies/: one that no format describes would hold nothing, and is a finding. */
export async function readPolicies(root: string, files: YamlFiles): Promise<Policies> {
  const folder = path.join(root, 'policies');
  const file = path.join(folder, 'minimums.yaml');
  const present = (await Array.fromAsync(glob('**/*.{yaml,yml}', { cwd: folder }))).map((name) =>
    path.join(folder, name),
  );
  const findings = present
    .filter((name) => name !== file)
    .map(
      (name): SourceFinding => ({
        rule: 'policy-file',
        file: name,
        line: 1,
        message: 'no rule reads this file',
      }),
    );
  if (!present.includes(file)) {
    findings.push({ rule: 'policy-file', file, message: 'it is not there, so no minimum holds' });
    return { rules: [], findings };
  }
  const yaml = await files.read(file);
  const value = yaml.values()[0] ?? null;
  findings.push(...yaml.problems.map((problem) => ({ ...problem, file })));
  if (yaml.problems.length === 0) {
    const wrong = departures('minimums', yaml, 0, value);
    findings.push(
      ...wrong.map(({ line, message }): SourceFinding => ({ rule: 'policy-file', file, line, message })),
    );
    if (wrong.length === 0) {
      const minimums = value as unknown as Minimums;
      const rules = (['minimum-replicas', 'probes'] as const).map((id) => {
        const { severity, why, fix } = minimums[id];
        return { id, severity, why, fix };
      });
      return { minimums, rules, findings };
    }
  }
  return { rules: [], findings };
}

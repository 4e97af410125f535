import { isMap, type JsonMap, maps, text } from '../../check/model.ts';
import { type ComparedRule, isComparedRule } from './rules.ts';
import { objectName } from './seeds.ts';

/** A rule that a tool says an object breaks. `rule` is one of the compared rules, or the tool's own name of another. */
export type Verdict = { rule: string; object: string };

/** What one of our rules, and its message where it says several things, is called among the compared rules. */
const ours: [rule: string, message: RegExp, compared: ComparedRule][] = [
  ['resources', /ephemeral-storage/, 'ephemeral-storage'],
  ['probes', /^no readinessProbe/, 'readiness-probe'],
  ['probes', /^no livenessProbe/, 'liveness-probe'],
  ['service-exposure', /^is reachable past/, 'service-type'],
];

/** The verdicts in `npm run check -- --json`. */
export function verdictsOfCheck(output: string): Verdict[] {
  const { findings }: { findings?: unknown } = JSON.parse(output);
  return maps(findings).map(({ rule, message, object }) => {
    const known = ours.find(([id, says]) => id === rule && says.test(text(message)));
    return { rule: known?.[2] ?? text(rule), object: nameOf(object) };
  });
}

/** The verdicts in `kubeconform -strict -output json`. */
export function verdictsOfKubeconform(output: string): Verdict[] {
  const { resources }: { resources?: unknown } = JSON.parse(output);
  return maps(resources)
    .filter(({ status }) => status !== 'statusValid')
    .map((resource) => {
      const unknown = /additional properties .* not allowed/.test(text(resource.msg));
      return { rule: unknown ? 'unknown-field' : text(resource.status), object: nameOf(resource) };
    });
}

/** The verdicts in `conftest test --output json`, whose metadata our rego says. */
export function verdictsOfConftest(output: string): Verdict[] {
  const results: unknown = JSON.parse(output);
  return maps(results)
    .flatMap(({ failures }) => maps(failures))
    .map(({ metadata }) => ({ rule: isMap(metadata) ? text(metadata.rule) : '', object: nameOf(metadata) }));
}

/** The checks of kube-score that judge what a compared rule says; pod-probes judges two, and says which. */
const kubeScoreChecks: Record<string, ComparedRule | 'pod-probes'> = {
  'container-image-tag': 'image-tag',
  'container-resources': 'resources',
  'container-ephemeral-storage-request-and-limit': 'ephemeral-storage',
  'pod-probes': 'pod-probes',
  'container-security-context-readonlyrootfilesystem': 'read-only-root',
  'service-type': 'service-type',
  'environment-variable-key-duplication': 'duplicate-env',
};

/** kube-score's names of the checks that are compared. */
export const comparedKubeScoreChecks = Object.keys(kubeScoreChecks);

/** kube-score's grade of what it has nothing to say against. */
const allOk = 10;

/** The verdicts in `kube-score score --output-format json`. */
export function verdictsOfKubeScore(output: string): Verdict[] {
  const objects: unknown = JSON.parse(output);
  return maps(objects).flatMap((object) => {
    const kind = isMap(object.type_meta) ? text(object.type_meta.kind) : '';
    const name = isMap(object.object_meta) ? text(object.object_meta.name) : '';
    return maps(object.checks)
      .filter(({ grade, skipped }) => grade !== allOk && skipped !== true)
      .flatMap(kubeScoreRules)
      .map((rule) => ({ rule, object: objectName({ kind, name }) }));
  });
}

function kubeScoreRules({ check, comments }: JsonMap): string[] {
  const id = isMap(check) ? text(check.id) : '';
  const rule = kubeScoreChecks[id] ?? id;
  if (rule !== 'pod-probes') {
    return [rule];
  }
  return maps(comments).map(({ summary }) => {
    const probe = /missing a (readiness|liveness)Probe/.exec(text(summary))?.[1];
    return probe === undefined ? rule : `${probe}-probe`;
  });
}

/** The verdicts in `kyverno apply --policy-report --output-format json`, where lines for the reader come first. */
export function verdictsOfKyverno(output: string): Verdict[] {
  const reports = output.split('\n').filter((line) => line.startsWith('{'));
  return reports
    .map((line): unknown => JSON.parse(line))
    .flatMap((report) => (isMap(report) ? maps(report.results) : []))
    .filter(({ result }) => result !== 'pass' && result !== 'skip')
    .flatMap(({ policy, resources }) =>
      maps(resources).map((resource) => ({ rule: text(policy), object: nameOf(resource) })),
    );
}

function nameOf(value: unknown): string {
  return isMap(value) ? objectName({ kind: text(value.kind), name: text(value.name) }) : '';
}

/** How a tool's verdicts compare with what was seeded: the objects it missed, and those it named besides. */
export type Agreement = { seeded: number; missed: string[]; besides: string[] };

/** The agreement on each of the rules. */
export function agreement(
  verdicts: Verdict[],
  rules: ComparedRule[],
  broken: Map<ComparedRule, Set<string>>,
): Map<ComparedRule, Agreement> {
  return new Map(
    rules.map((rule) => {
      const named = new Set(verdicts.filter((verdict) => verdict.rule === rule).map(({ object }) => object));
      const seeded = broken.get(rule) ?? new Set();
      const missed = [...seeded.difference(named)];
      return [rule, { seeded: seeded.size, missed, besides: [...named.difference(seeded)] }];
    }),
  );
}

/** Verdicts on rules that nobody seeded: where the objects are not as clean as they are meant to be. */
export function beyond(verdicts: Verdict[]): Verdict[] {
  return verdicts.filter(({ rule }) => !isComparedRule(rule));
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import { policyViolations } from './admission/gate.ts';
import { readPolicies } from './admission/policy.ts';
import { blame } from './blame.ts';
import { checkConformance } from './conformance.ts';
import { readRepository } from './graph/repository.ts';
import { graphRules, graphViolations } from './graph/rules.ts';
import { reachable } from './kustomization.ts';
import { type Finding, noObject, type Report, type Rule, type Target, type Violation } from './model.ts';
import { findPrograms } from './programs.ts';
import { type Render, readObjects, renderKustomization } from './render.ts';
import { schemaStore, storedResources } from './schemas/store.ts';
import {
  kustomizationFindings,
  manifestFiles,
  type SourceFinding,
  syntaxFindings,
  unlistedFindings,
} from './sources.ts';
import { structureRules } from './structure-rules.ts';
import { argumentTargets, policiesTarget, repositoryTargets } from './targets.ts';
import { YamlFiles } from './yaml-files.ts';

/** A finding before its place is made relative; `place` is looked up where it is not known yet. */
type Draft = Omit<Finding, 'severity' | 'file' | 'line'> & { severity?: Finding['severity'] } & (
    | { at: Violation }
    | { file: string; line?: number }
  );

/**
 * Checks the repository at `root`, or only what the paths name: sources, renders, schemas, rules.
 * @throws {CannotRun} when something cannot be read or run: then nothing is said of the manifests
 */
export async function check(
  root: string,
  paths: string[],
  progress: (line: string) => void,
): Promise<{ report: Report; rules: Rule[] }> {
  const files = new YamlFiles();
  const whole = paths.length === 0;
  const targets = whole ? await repositoryTargets(root, files) : await argumentTargets(root, paths, files);
  const sources = await sourceFindings(root, targets, whole, files);
  const broken = new Set(sources.filter(({ rule }) => rule.endsWith('syntax')).map(({ file }) => file));
  const programs = await findPrograms(progress);
  const schemas = await schemaStore(() => progress('writing schemas from the pinned modules, about 3 s'));
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-check-'));
  try {
    const render = (target: Target, name: string) =>
      'dir' in target
        ? renderKustomization(programs.kustomize, target, path.join(scratch, name), files)
        : readObjects(target, files);
    const [renders, policyRender, resources] = await Promise.all([
      Promise.all(targets.map((target, index) => render(target, String(index)))),
      render(policiesTarget(root), 'policies'),
      storedResources(schemas),
    ]);
    const objects = renders.flatMap((found) => found.objects);
    const conformance = await checkConformance(
      programs.kubeconform,
      schemas,
      objects,
      path.join(scratch, 'objects'),
    );
    if (conformance.skipped > 0) {
      throw new CannotRun(
        `kubeconform gave no verdict on ${conformance.skipped} of ${objects.length} objects.`,
      );
    }
    const { policies, refusals } = readPolicies(policyRender.objects);
    // The cluster refuses what departs from its schema before any policy sees it.
    const malformed = new Set(
      conformance.violations.filter(({ rule }) => rule !== 'unknown-field').map(({ object }) => object),
    );
    // What an object is misread to say has its finding; what would follow from it is not another.
    const misread = new Set(conformance.violations.map(({ object }) => object));
    const judged = policyViolations(
      objects.filter((object) => !malformed.has(object)),
      policies,
      resources,
    );
    const drafts: Draft[] = [
      ...sources.map((finding) => ({ environment: '', object: noObject, ...finding })),
      ...[...renders, ...(whole ? [] : [policyRender])].flatMap((found) => renderDrafts(found, root, broken)),
      ...conformance.violations.map((violation) => draft(violation.rule, violation)),
      ...refusals.map((violation) => draft('policy', violation)),
      ...judged.violations.map((violation) => ({
        ...draft(violation.policy.rule.id, violation),
        severity: violation.actions.includes('Deny') ? ('error' as const) : ('warning' as const),
      })),
      ...graphViolations(await readRepository(root, whole, renders, resources, files))
        .filter(({ violation }) => !misread.has(violation.object))
        .map(({ rule, violation }) => draft(rule, violation)),
    ];
    const rules = [...structureRules, ...policies.map(({ rule }) => rule), ...graphRules];
    const severities = new Map(rules.map(({ id, severity }) => [id, severity]));
    const findings = await Promise.all(drafts.map((found) => settle(found, root, severities, files)));
    const coverage = {
      environments: targets.flatMap(({ environment }) => (environment === '' ? [] : [environment])),
      objects: objects.length,
      validated: conformance.validated,
      skipped: conformance.skipped,
      policies: policies.length,
      passedOver: [...judged.passedOver].sort(),
    };
    return { report: { findings: unique(findings).sort(byPlace), coverage }, rules };
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function sourceFindings(
  root: string,
  targets: Target[],
  whole: boolean,
  files: YamlFiles,
): Promise<SourceFinding[]> {
  const trees = await Promise.all(
    targets.flatMap((target) => ('dir' in target ? [reachable(target.dir, files)] : [])),
  );
  const kustomizations = [...new Map(trees.flat().map((found) => [found.dir, found])).values()];
  const named = kustomizations.flatMap(({ file, references }) => [
    file.path,
    ...references.filter(({ kind, to }) => kind === 'file' && /\.ya?ml$/.test(to)).map(({ to }) => to),
  ]);
  const plain = targets.flatMap((target) => ('file' in target ? [target.file] : []));
  const present = whole ? await manifestFiles(root) : [];
  return [
    ...(await syntaxFindings([...new Set([...named, ...plain, ...present])], files)),
    ...(await kustomizationFindings(kustomizations, files)),
    ...(whole ? unlistedFindings(root, present, kustomizations) : []),
  ];
}

function renderDrafts({ target, objects, error }: Render, root: string, broken: Set<string>): Draft[] {
  const place = 'dir' in target ? target.dir : target.file;
  const about = { environment: target.environment, object: noObject, file: place };
  if (error !== undefined) {
    return [{ rule: 'render-failed', ...about, message: error.replaceAll(`${root}/`, '') }];
  }
  if (objects.length === 0) {
    return broken.has(place) ? [] : [{ rule: 'empty-render', ...about, message: 'this renders no object' }];
  }
  const seen = new Set<string>();
  return objects.flatMap((object) => {
    const { kind, namespace, name } = object.id;
    const identity = JSON.stringify([object.apiVersion.replace(/\/?[^/]*$/, ''), kind, namespace, name]);
    const again = seen.has(identity);
    seen.add(identity);
    return again
      ? [
          draft('duplicate-object', {
            object,
            path: ['metadata', 'name'],
            message: `${kind} ${name} is there twice`,
          }),
        ]
      : [];
  });
}

function draft(rule: string, at: Violation): Draft {
  const { object, message } = at;
  return { rule, environment: object.target.environment, object: object.id, message, at };
}

async function settle(
  found: Draft,
  root: string,
  severities: Map<string, Rule['severity']>,
  files: YamlFiles,
): Promise<Finding> {
  const place = 'at' in found ? await blame(found.at, files) : found;
  const { rule, environment, object, message } = found;
  return {
    rule,
    severity: found.severity ?? severities.get(rule) ?? 'error',
    environment,
    object,
    file: path.relative(root, place.file) || '.',
    ...(place.line !== undefined && { line: place.line }),
    message,
  };
}

/** A base that three overlays share is one thing to mend in each environment, and two targets may share one. */
function unique(findings: Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}

function byPlace(one: Finding, other: Finding): number {
  const key = ({ file, line = 0, rule, environment }: Finding) =>
    [file, String(line).padStart(9, '0'), rule, environment].join('\0');
  return key(one) < key(other) ? -1 : 1;
}

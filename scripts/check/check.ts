import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import { blame } from './blame.ts';
import { checkConformance } from './conformance.ts';
import { reachable } from './kustomization.ts';
import { type Finding, noObject, type Report, type Rule, type Target, type Violation } from './model.ts';
import { type Minimums, readPolicies } from './policies.ts';
import { findPrograms } from './programs.ts';
import { type Render, readObjects, renderKustomization } from './render.ts';
import { replicaViolations } from './rules/minimum-replicas.ts';
import { probeViolations } from './rules/probes.ts';
import { schemaStore } from './schemas/store.ts';
import {
  kustomizationFindings,
  manifestFiles,
  type SourceFinding,
  syntaxFindings,
  unlistedFindings,
} from './sources.ts';
import { structureRules } from './structure-rules.ts';
import { argumentTargets, repositoryTargets } from './targets.ts';
import { YamlFiles } from './yaml-files.ts';

/** A finding before its place is made relative; `place` is looked up where it is not known yet. */
type Draft = Omit<Finding, 'severity' | 'file' | 'line'> &
  ({ at: Violation } | { file: string; line?: number });

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
  const policies = await readPolicies(root, files);
  const targets =
    paths.length === 0 ? await repositoryTargets(root, files) : await argumentTargets(root, paths, files);
  const sources = await sourceFindings(root, targets, paths.length === 0, files);
  const broken = new Set(sources.filter(({ rule }) => rule.endsWith('syntax')).map(({ file }) => file));
  const programs = await findPrograms(progress);
  const schemas = await schemaStore(() => progress('writing schemas from the pinned modules, about 3 s'));
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-check-'));
  try {
    const renders = await Promise.all(
      targets.map((target, index) =>
        'dir' in target
          ? renderKustomization(programs.kustomize, target, path.join(scratch, String(index)), files)
          : readObjects(target, files),
      ),
    );
    const objects = renders.flatMap((render) => render.objects);
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
    const drafts: Draft[] = [
      ...[...policies.findings, ...sources].map((finding) => ({
        environment: '',
        object: noObject,
        ...finding,
      })),
      ...renders.flatMap((render) => renderDrafts(render, root, broken)),
      ...conformance.violations.map((violation) => draft(violation.rule, violation)),
      ...(policies.minimums === undefined ? [] : policyDrafts(renders, policies.minimums)),
    ];
    const rules = [...structureRules, ...policies.rules];
    const severities = new Map(rules.map(({ id, severity }) => [id, severity]));
    const findings = await Promise.all(drafts.map((found) => settle(found, root, severities, files)));
    const coverage = {
      environments: targets.flatMap(({ environment }) => (environment === '' ? [] : [environment])),
      objects: objects.length,
      validated: conformance.validated,
      skipped: conformance.skipped,
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

function policyDrafts(renders: Render[], minimums: Minimums): Draft[] {
  return renders.flatMap(({ target, objects, error }) => {
    if (error !== undefined || (target.role !== 'environment' && target.role !== 'argument')) {
      return [];
    }
    const probes = probeViolations(objects, minimums.probes).map((violation) => draft('probes', violation));
    if (target.role !== 'environment' || !('dir' in target)) {
      return probes;
    }
    const replicas = replicaViolations(target.environment, objects, minimums['minimum-replicas']);
    return [
      ...probes,
      ...replicas.violations.map((violation) => draft('minimum-replicas', violation)),
      ...replicas.absences.map(({ message }) => ({
        rule: 'minimum-replicas',
        environment: target.environment,
        object: noObject,
        file: target.dir,
        message,
      })),
    ];
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
    severity: severities.get(rule) ?? 'error',
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

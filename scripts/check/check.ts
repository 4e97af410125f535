import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type PolicyViolation, policyViolations } from './admission/gate.ts';
import { type Policy, readPolicies } from './admission/policy.ts';
import type { Resources } from './admission/resources.ts';
import { allRules } from './catalogue.ts';
import { type Conformance, checkConformance } from './conformance.ts';
import { deadEntryFindings } from './dead-entries.ts';
import { isExempt, readExemptions } from './exemptions/exemptions.ts';
import { exemptionReport } from './exemptions/report.ts';
import { kustomizationObject } from './graph/applications.ts';
import { readRepository } from './graph/repository.ts';
import { graphViolations } from './graph/rules.ts';
import type { Finding, Place, RenderedObject, Report, Rule, Target, Violation } from './model.ts';
import { noObject } from './model.ts';
import { findPrograms } from './programs.ts';
import { placeOf } from './provenance/provenance.ts';
import { type Render, readObjects, renderKustomization } from './render.ts';
import { servedKinds } from './schemas/served-kinds.ts';
import { schemaStore } from './schemas/store.ts';
import { allSourceFindings, type SourceFinding } from './sources.ts';
import { argumentTargets, policiesTarget, repositoryTargets } from './targets.ts';
import { YamlFiles } from './yaml/yaml-files.ts';

/** What breaks a rule, before its place is looked up. A policy's severity is that of the binding that found it. */
type Broken = { rule: string; violation: Violation; severity?: Finding['severity'] };

/**
 * Checks the repository at `root`, or only what the paths name: sources, renders, schemas, rules.
 * @throws {CannotRun} when something cannot be read or run: then nothing is said of the manifests
 */
export async function check(
  root: string,
  paths: string[],
  progress: (line: string) => void,
): Promise<{ report: Report; rules: Rule[] }> {
  const whole = paths.length === 0;
  const inside = paths.every((given) => `${path.resolve(given)}/`.startsWith(`${root}/`));
  const files = new YamlFiles(inside ? root : undefined);
  const targets = whole ? await repositoryTargets(root, files) : await argumentTargets(root, paths, files);
  const schemas = await schemaStore(() => progress('writing schemas from the pinned modules, about 3 s'));
  const [{ renders, policyRender }, sources, { exemptions, findings: malformed }] = await Promise.all([
    renderAll(root, targets, files, progress),
    allSourceFindings(root, targets, whole, files),
    readExemptions(root, files),
  ]);
  const objects = renders.flatMap((render) => render.objects);
  const served = await servedKinds(schemas, objects);
  const { resources } = served;
  const conformance = checkConformance(served, objects);
  const { policies, refusals } = readPolicies(policyRender.objects);
  const admission = judgeAdmission(objects, conformance, policies, resources);
  const repository = await readRepository(root, whole, renders, resources, files);
  // What an object is misread to say has its finding; what would follow from it is not another.
  const misread = new Set(conformance.violations.map(({ object }) => object));
  const graph = graphViolations(repository).filter(({ violation }) => !misread.has(violation.object));
  const about = [
    ...sources,
    ...renderFindings([...new Set([...renders, policyRender])], root, sources),
    ...(await deadEntryFindings(renders, files)),
    ...malformed,
    ...(await exemptionReport(root, whole, exemptions, { objects, policies, resources, graph, files })),
  ];
  const broken: Broken[] = [
    ...renders.flatMap(twice).map((violation) => ({ rule: 'duplicate-object', violation })),
    ...conformance.violations.map(({ rule, ...violation }) => ({ rule, violation })),
    ...refusals.map((violation) => ({ rule: 'policy', violation })),
    ...admission.broken,
    ...graph.filter(({ rule, violation }) => !isExempt(exemptions, rule, violation.object)),
  ];
  const rules = allRules(policies);
  const severities = new Map(rules.map(({ id, severity }) => [id, severity]));
  const findings = [
    ...about.map((finding) => ({ environment: '', object: noObject, ...finding })),
    ...(await Promise.all(broken.map((found) => placed(found, files, renders)))),
  ].map((finding): Finding => settled(finding, root, severities));
  const coverage = {
    environments: targets.flatMap(({ environment }) => (environment === '' ? [] : [environment])),
    objects: objects.length,
    validated: conformance.validated,
    skipped: objects.length - conformance.validated,
    policies: policies.length,
    passedOver: admission.passedOver,
  };
  return { report: { findings: unique(findings).sort(byPlace), coverage }, rules };
}

/** Renders the targets, and the policies whatever the targets are. */
async function renderAll(
  root: string,
  targets: Target[],
  files: YamlFiles,
  progress: (line: string) => void,
): Promise<{ renders: Render[]; policyRender: Render }> {
  const { kustomize } = await findPrograms(progress);
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-check-'));
  try {
    const render = (target: Target, name: string) =>
      'dir' in target
        ? renderKustomization(kustomize, target, path.join(scratch, name), files)
        : readObjects(target, files);
    const renders = await Promise.all(targets.map((target, index) => render(target, String(index))));
    const policyRender =
      renders.find(({ target }) => target.role === 'policies') ??
      (await render(policiesTarget(root), 'policies'));
    return { renders, policyRender };
  } finally {
    await rm(scratch, { recursive: true });
  }
}

function judgeAdmission(
  objects: RenderedObject[],
  conformance: Conformance,
  policies: Policy[],
  resources: Resources,
): { broken: Broken[]; passedOver: string[] } {
  // The cluster refuses what departs from its schema before any policy sees it.
  const refused = new Set(
    conformance.violations.filter(({ rule }) => rule !== 'unknown-field').map(({ object }) => object),
  );
  const judged = objects.filter((object) => !refused.has(object));
  const { violations, passedOver } = policyViolations(judged, policies, resources);
  const [lacking, judgements] = [true, false].map((lacks) =>
    violations.filter(
      (one) => (one.lacks !== undefined && one.object.target.role === 'environment') === lacks,
    ),
  );
  return {
    broken: [
      ...(judgements ?? []).map(
        ({ policy, actions, object, path, message }): Broken => ({
          rule: policy.rule.id,
          violation: { object, path, message },
          severity: actions.includes('Deny') ? 'error' : 'warning',
        }),
      ),
      ...withoutParameters(lacking ?? []),
    ],
    passedOver: [...passedOver].sort(),
  };
}

/** What the cluster says of each object is one thing to mend: the environment's parameters. */
function withoutParameters(violations: PolicyViolation[]): Broken[] {
  const places = Map.groupBy(violations, ({ object, lacks }) =>
    [object.target.environment, object.id.namespace, lacks].join('\0'),
  );
  return [...places.values()].flatMap(([first, ...others]) => {
    const target = first?.object.target;
    if (first === undefined || target === undefined || !('dir' in target)) {
      return [];
    }
    const policies = new Set([first, ...others].map(({ policy }) => policy.rule.id));
    const where = `namespace ${first.object.id.namespace} has no ${first.policy.paramKind?.kind} ${first.lacks}`;
    const message = `${where}, so ${[...policies].sort().join(' and ')} refuse every workload`;
    return [
      { rule: 'policy-parameters', violation: { object: kustomizationObject(target), path: [], message } },
    ];
  });
}

type RenderFinding = SourceFinding & { environment: string };

function renderFindings(renders: Render[], root: string, sources: SourceFinding[]): RenderFinding[] {
  const unreadable = new Set(sources.filter(({ rule }) => rule.endsWith('syntax')).map(({ file }) => file));
  return renders.flatMap(({ target, objects, error, place }): RenderFinding[] => {
    const file = 'dir' in target ? target.dir : target.file;
    const { environment } = target;
    if (error !== undefined) {
      const message = error.replaceAll(`${root}/`, '');
      return [{ rule: 'render-failed', file, ...place, environment, message }];
    }
    return objects.length > 0 || unreadable.has(file)
      ? []
      : [{ rule: 'empty-render', file, environment, message: 'this renders no object' }];
  });
}

/** Objects whose identity another object of the render has already. */
function twice({ objects }: Render): Violation[] {
  const seen = new Set<string>();
  return objects.flatMap((object) => {
    const { kind, namespace, name } = object.id;
    const identity = JSON.stringify([object.apiVersion.replace(/\/?[^/]*$/, ''), kind, namespace, name]);
    const again = seen.has(identity);
    seen.add(identity);
    return again ? [{ object, path: ['metadata', 'name'], message: `${kind} ${name} is there twice` }] : [];
  });
}

type Unsettled = Omit<Finding, 'severity'> & { severity?: Finding['severity'] };

async function placed(
  { rule, violation, severity }: Broken,
  files: YamlFiles,
  renders: Render[],
): Promise<Unsettled> {
  const { object, message } = violation;
  const others = renders.find(({ target }) => target === object.target)?.objects;
  const place: Place = await placeOf(violation, files, others);
  return {
    rule,
    ...(severity !== undefined && { severity }),
    environment: object.target.environment,
    object: object.id,
    message,
    ...place,
  };
}

/** In the order in which a finding is written. */
function settled(finding: Unsettled, root: string, severities: Map<string, Rule['severity']>): Finding {
  const { rule, environment, object, file, line, column, message } = finding;
  return {
    rule,
    severity: finding.severity ?? severities.get(rule) ?? 'error',
    environment,
    object,
    file: path.relative(root, file) || '.',
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
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

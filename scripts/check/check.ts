import path from 'node:path';
import { freezesOf } from '../freezes/calendar.ts';
import { idle } from './admission/idle.ts';
import { readPolicies } from './admission/policy.ts';
import { type Broken, judgeAdmission } from './admission-findings.ts';
import { compare } from './before.ts';
import { allRules } from './catalogue.ts';
import { checkConformance, deprecatedObjects } from './conformance.ts';
import { dataFindings } from './data/findings.ts';
import { deadEntryFindings } from './dead-entries.ts';
import { isExempt, isFileExempt, readExemptions } from './exemptions/exemptions.ts';
import { exemptionReport } from './exemptions/report.ts';
import { warnedViolations } from './exemptions/warned.ts';
import { freezeFindings } from './freezes/change.ts';
import { freezesReport, unreachedProjects } from './freezes/report.ts';
import { declaredOrder, orderViolations } from './graph/order.ts';
import { readRepository } from './graph/repository.ts';
import { graphViolations } from './graph/rules.ts';
import { migrationFindings } from './migrations/findings.ts';
import type { Finding, Place, Report, Rule, Target, Violation } from './model.ts';
import { noObject } from './model.ts';
import { originOf } from './origin.ts';
import { findKustomize } from './programs.ts';
import { unpromotedDigests } from './promotion/unpromoted.ts';
import { placeOf } from './provenance/provenance.ts';
import { type Render, renderTarget } from './render.ts';
import { ruleNamed } from './rule-pages.ts';
import { servedKinds } from './schemas/served-kinds.ts';
import { schemaStore } from './schemas/store.ts';
import { secretFindings } from './secrets/findings.ts';
import { allSourceFindings, type SourceFinding } from './sources.ts';
import { argumentTargets, environmentsAmong, policiesTarget, repositoryTargets } from './targets.ts';
import { invalidObjects } from './validation/invalid-objects.ts';
import { YamlFiles } from './yaml/yaml-files.ts';

/**
 * Checks the repository at `root`, or only what the paths name: sources, renders, schemas, rules. Some rules alone, or
 * all but some, when they are chosen by their ids. With `change` it is compared with what it comes from: a revision, or the default
 * branch.
 * @throws {CannotRun} when something cannot be read or run, or a chosen rule is none: then nothing is said of the
 * manifests
 */
export async function check(
  root: string,
  paths: string[],
  progress: (line: string) => void,
  choice: Choice = {},
  change?: Change,
): Promise<{ report: Report; rules: Rule[] }> {
  const whole = paths.length === 0;
  const secrets = whole ? secretFindings(root, change?.since) : [];
  const origin = whole && change !== undefined ? originOf(root, change.since) : undefined;
  const inside = paths.every((given) => `${path.resolve(given)}/`.startsWith(`${root}/`));
  const files = new YamlFiles(inside ? root : undefined);
  const targets = whole ? await repositoryTargets(root, files) : await argumentTargets(root, paths, files);
  const schemas = await schemaStore(() => progress('writing schemas from the pinned modules, about 3 s'));
  // One after the other: a file that cannot be read ends the check, and must leave no render behind.
  const sources = await allSourceFindings(root, targets, whole, files);
  const { exemptions, findings: malformed } = await readExemptions(root, files);
  const calendar = await freezesOf(root, files);
  const { renders, policyRender } = await renderAll(root, targets, whole, files, progress);
  const objects = renders.flatMap((render) => render.objects);
  const isComplete = whole && renders.every(({ error }) => error === undefined);
  const served = await servedKinds(schemas, objects);
  const { resources } = served;
  const conformance = checkConformance(served, objects);
  const { policies: all, refusals } = readPolicies(policyRender.objects);
  const only = chooser(allRules(all), choice);
  const policies = all.filter(({ rule }) => only(rule.id));
  const admission = judgeAdmission(objects, conformance, policies, resources, only);
  const order = declaredOrder(policyRender.objects);
  const environments = renders.flatMap(({ target: { environment } }) =>
    environment === '' ? [] : [environment],
  );
  // What an object is misread to say has its finding; what would follow from it is not another.
  const misread = new Set(conformance.violations.map(({ object }) => object));
  const invalid = only('invalid-object')
    ? invalidObjects(objects.filter((object) => !misread.has(object)))
    : [];
  const repository = await readRepository(root, whole, renders, resources, all, files, order);
  const graph = graphViolations(repository, only).filter(({ violation }) => !misread.has(violation.object));
  const comesFrom = await origin;
  const compared = comesFrom && (await compare(comesFrom, renders, files, resources, progress));
  const now = new Date();
  const failed = renders.flatMap(({ target, error }) => (error === undefined ? [] : [target.environment]));
  const inPlainText = await secrets;
  const about = [
    ...sources,
    ...inPlainText.filter((finding) => !isFileExempt(exemptions, finding, root)),
    ...renderFindings([...new Set([...renders, policyRender])], root, sources),
    ...(await deadEntryFindings(renders, files)),
    ...malformed,
    ...(whole && only('migration-safety') ? await migrationFindings(root, comesFrom) : []),
    ...(isComplete && compared !== undefined && only('data-removed')
      ? await dataFindings({ compared, repository, files, message: change?.message })
      : []),
    ...(compared !== undefined && only('freeze')
      ? await freezeFindings(compared, calendar.freezes, renders, now)
      : []),
    ...(whole ? await freezesReport(root, calendar, environments, now) : []),
    ...(await exemptionReport(root, whole, exemptions, {
      objects,
      policies: all,
      resources,
      graph,
      secrets: inPlainText,
      since: change?.since,
      failed,
      files,
    })),
  ];
  const broken: Broken[] = [
    ...renders.flatMap(twice).map((violation) => ({ rule: 'duplicate-object', violation })),
    ...conformance.violations.map(({ rule, ...violation }) => ({ rule, violation })),
    ...invalid.map((violation) => ({ rule: 'invalid-object', violation })),
    ...deprecatedObjects(served, objects).map((violation) => ({ rule: 'deprecated-api', violation })),
    ...refusals.map((violation) => ({ rule: 'policy', violation })),
    ...idle(all, policyRender.objects, resources, isComplete ? objects : undefined).map((violation) => ({
      rule: 'idle-policy',
      violation,
    })),
    ...(whole
      ? [
          ...orderViolations(policyRender.objects, policiesTarget(root), environments),
          ...warnedViolations(policyRender.objects, objects, environments),
        ]
      : []
    ).map((violation) => ({ rule: 'environment-order', violation })),
    ...(whole ? unreachedProjects(repository, calendar.freezes) : []).map((violation) => ({
      rule: 'freeze-stale',
      violation,
    })),
    ...(compared !== undefined && only('unpromoted-digest')
      ? await unpromotedDigests({ repository, compared, files, progress })
      : []
    ).map((violation) => ({ rule: 'unpromoted-digest', violation })),
    ...admission.broken,
    ...graph.filter(({ rule, violation }) => !isExempt(exemptions, rule, violation.object)),
  ];
  const rules = allRules(all).filter(({ id }) => only(id));
  const severities = new Map(rules.map(({ id, severity }) => [id, severity]));
  const findings = [
    ...about
      .filter(({ rule }) => only(rule))
      .map((finding) => ({ environment: '', object: noObject, ...finding })),
    ...(await Promise.all(
      broken.filter(({ rule }) => only(rule)).map((found) => placed(found, files, renders)),
    )),
  ].map((finding): Finding => settled(finding, root, severities));
  const coverage = {
    environments,
    objects: objects.length,
    validated: conformance.validated,
    skipped: objects.length - conformance.validated,
    policies: policies.length,
    passedOver: admission.passedOver,
  };
  return { report: { findings: unique(findings).sort(byPlace), coverage }, rules };
}

/**
 * What is asked about a change: `since`, the revision that it comes from, where that is not the default branch; the
 * file with the `message` of the commit that it is about to be.
 */
export type Change = { since?: string; message?: string };

/** The rules that are held, by their ids: those alone, or all without some. */
export type Choice = { rule?: string[]; without?: string[] };

/** What does not parse or render is told of whatever the rules: it was held to none. */
const always = ['yaml-syntax', 'render-failed', 'empty-render'];

function chooser(rules: Rule[], { rule: chosen, without = [] }: Choice): (rule: string) => boolean {
  const left = without.map((id) => ruleNamed(rules, id).id);
  const ids = chosen?.map((id) => ruleNamed(rules, id).id);
  return (rule) => always.includes(rule) || ((ids?.includes(rule) ?? true) && !left.includes(rule));
}

/** Renders the targets, and the policies whatever the targets are. */
async function renderAll(
  root: string,
  targets: Target[],
  whole: boolean,
  files: YamlFiles,
  progress: (line: string) => void,
): Promise<{ renders: Render[]; policyRender: Render }> {
  const kustomize = await findKustomize(progress);
  const all = await Promise.all(targets.map((target) => renderTarget(kustomize, target, files)));
  const renders = whole ? await environmentsAmong(root, all, files) : all;
  const policyRender =
    renders.find(({ target }) => target.role === 'policies') ??
    (await renderTarget(kustomize, policiesTarget(root), files));
  return { renders, policyRender };
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

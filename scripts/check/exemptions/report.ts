import path from 'node:path';
import { policyViolations } from '../admission/gate.ts';
import type { Policy } from '../admission/policy.ts';
import type { Resources } from '../admission/resources.ts';
import { graphRules } from '../graph/rules.ts';
import type { RenderedObject, Violation } from '../model.ts';
import type { SourceFinding } from '../sources.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';
import { exemptedFiles, staleFiles, writtenBindings } from './bindings.ts';
import { covers, type Exemption, exemptionFindings, exemptionsFile, isFileExempt } from './exemptions.ts';
import { unholdable } from './namespaces.ts';
import { warnedEnvironments } from './warned.ts';

/** What the exemptions are held against: what was rendered, and what the graph rules find. */
type Judged = {
  objects: RenderedObject[];
  policies: Policy[];
  resources: Resources;
  graph: { rule: string; violation: Violation }[];
  /** Credentials in files and in the history; with `since` those that came after it. */
  secrets: SourceFinding[];
  since: string | undefined;
  /** The environments that did not render: of what they have nothing is known. */
  failed: string[];
  files: YamlFiles;
};

/** The rules on files of which one can be exempted. */
const secretRules = ['secret-in-file', 'secret-in-history'];

/** What exemptions themselves are found for. Whether one is used is known only when the whole is checked. */
export async function exemptionReport(
  root: string,
  whole: boolean,
  exemptions: Exemption[],
  judged: Judged,
): Promise<SourceFinding[]> {
  const file = path.join(root, exemptionsFile);
  const held = new Set(judged.policies.map(({ rule }) => rule.id));
  const exemptible = new Set([...held, ...graphRules.map(({ id }) => id), ...secretRules]);
  const bindings = await writtenBindings(root, judged.files);
  const { objects, resources } = judged;
  // The namespaces of an environment that was not asked for are not known.
  const rendered = new Set(objects.map(({ target }) => target.environment));
  const warned = await warnedEnvironments(root, judged.files);
  const ofObjects = exemptions.filter(({ kind }) => kind !== 'File');
  const needed = [...warned, ...ofObjects.map(({ environment }) => environment)];
  const stale =
    whole || needed.every((environment) => rendered.has(environment))
      ? await staleFiles(root, exemptedFiles(exemptions, warned, bindings, resources, objects))
      : [];
  const unused = exemptions.filter(
    (exemption) =>
      whole && !judged.failed.includes(exemption.environment) && !isUsed(root, exemption, judged),
  );
  return [
    ...exemptionFindings(root, exemptions, exemptible, new Date()),
    ...(whole ? unholdable(root, exemptions, objects, held, resources) : []),
    ...unused.map(({ rule, environment, kind, name, line }): SourceFinding => {
      const message =
        kind === 'File'
          ? `${name} keeps ${rule}`
          : `${kind}/${name} keeps ${rule} in ${environment}, or is not there`;
      return { rule: 'exemption-unused', file, line, message };
    }),
    ...stale.map((name): SourceFinding => {
      const message = `this is not what ${exemptionsFile} and environments.yaml say`;
      return { rule: 'exemption-stale', file: path.join(root, name), message };
    }),
  ];
}

/** Whether more would be found without the exemption. */
function isUsed(root: string, exemption: Exemption, judged: Judged): boolean {
  const { objects, policies, resources, graph, secrets, since } = judged;
  if (exemption.kind === 'File') {
    const isUnknown = exemption.rule === 'secret-in-history' && since !== undefined;
    return isUnknown || secrets.some((finding) => isFileExempt([exemption], finding, root));
  }
  const everywhere = policies
    .filter(({ rule }) => rule.id === exemption.rule)
    .map((policy) => ({
      ...policy,
      bindings: policy.bindings.map((binding) => ({
        ...binding,
        match: { ...binding.match, excludeResourceRules: [] },
      })),
    }));
  // With its surroundings: parameters and namespaces are objects too.
  const own = objects.filter(({ target }) => target.environment === exemption.environment);
  return (
    graph.some(({ rule, violation }) => covers(exemption, rule, violation.object)) ||
    (everywhere.length > 0 &&
      policyViolations(own, everywhere, resources).violations.some(({ object }) =>
        covers(exemption, exemption.rule, object),
      ))
  );
}

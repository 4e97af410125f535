import { readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import type { Finding, ObjectId, Place, Report, Rule } from '../model.ts';

/** What a format tells of: the report, every rule that was held, and the text of the lines that findings name. */
export type Judged = { report: Report; rules: Rule[]; sourceLine: (place: Place) => string };

/** Reads lines of files below `root`, each file once; '' for what is no line of a file that can be read. */
export function sourceLines(root: string): Judged['sourceLine'] {
  const files = new Map<string, string[]>();
  return ({ file, line }) => {
    if (line === undefined) {
      return '';
    }
    const lines = files.get(file) ?? linesOf(realpathSync(root), path.resolve(root, file));
    files.set(file, lines);
    return lines[line - 1] ?? '';
  };
}

/** A link out of the root is a finding, and what it leads to is nobody's to read. */
function linesOf(root: string, file: string): string[] {
  try {
    if (!realpathSync(file).startsWith(`${root}${path.sep}`)) {
      return [];
    }
    return readFileSync(file, 'utf8').split(/\r?\n/);
  } catch {
    // A finding may be about a folder, or about a file that is not there.
    return [];
  }
}

/** Findings that one edit mends: the same rule, place and message, in one environment or several. */
export type SharedFinding = Omit<Finding, 'environment'> & { environments: string[] };

/** Shows once what a base breaks in every environment that shares it. Keeps the order of the first of each. */
export function acrossEnvironments(findings: Finding[]): SharedFinding[] {
  const alike = Map.groupBy(findings, ({ environment, object, ...same }) =>
    JSON.stringify([
      same.rule,
      same.severity,
      same.file,
      same.line,
      same.column,
      same.message,
      object.kind,
      object.name,
    ]),
  );
  return [...alike.values()].flatMap((group) => {
    const [first] = group;
    const environments = [...new Set(group.map(({ environment }) => environment))].filter(Boolean);
    return first === undefined ? [] : [{ ...first, environments }];
  });
}

/** `Deployment quote-app in dev, prod`, or the part of it that is known. */
export function about({ environments, object }: SharedFinding): string {
  const where = environments.length === 0 ? '' : `in ${environments.join(', ')}`;
  return [objectName(object), where].filter(Boolean).join(' ');
}

/** An object's kind and name for a reader, '' for none. */
export function objectName({ kind, name }: ObjectId): string {
  return [kind, name].filter(Boolean).join(' ');
}

/** `base/a.yaml:7:3`, or the part of it that is known. */
export function placeName({ file, line, column }: Place): string {
  return [file, line, column].filter((part) => part !== undefined).join(':');
}

/** Whether what was found is only warned of: it stops neither the change nor, in the cluster, the object. */
export function onlyWarns({ findings }: Report): boolean {
  return findings.every(({ severity }) => severity === 'warning');
}

/** `3 findings, 7 counting each environment, in 159 objects (dev, prod)`. */
export function verdict({ findings, coverage }: Report): string {
  const { environments, objects } = coverage;
  const where = environments.length === 0 ? '' : ` (${environments.join(', ')})`;
  const shared = acrossEnvironments(findings);
  const shown = shared.length;
  const warnings = shared.filter(({ severity }) => severity === 'warning').length;
  const each = shown === findings.length ? '' : `, ${findings.length} counting each environment,`;
  const found =
    shown === 0
      ? 'no findings'
      : warnings === shown
        ? count(shown, 'warning')
        : `${count(shown, 'finding')}${warnings === 0 ? '' : ` (${count(warnings, 'warning')})`}`;
  return `${found}${each} in ${count(objects, 'object')}${where}`;
}

/** What was judged and what was not, as a sentence per line. */
export function coverageLines({ coverage, since }: Report): string[] {
  const { validated, skipped, policies, passedOver } = coverage;
  return [
    `${validated} validated, ${skipped} skipped; ${count(policies, 'policy', 'policies')}`,
    ...(passedOver.length === 0
      ? []
      : [`not judged, for want of an environment's parameters: ${passedOver.join(', ')}`]),
    ...(since === undefined
      ? []
      : [`only what came after ${since.revision}: ${count(since.older, 'older finding')} besides`]),
  ];
}

/** The rules that have findings, in the order in which they are found first. */
export function brokenRules({ report, rules }: Judged): Rule[] {
  return [...new Set(report.findings.map(({ rule }) => rule))].flatMap(
    (id) => rules.find((rule) => rule.id === id) ?? [],
  );
}

function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}

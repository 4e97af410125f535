import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { isMap, maps, type RenderedObject, text } from '../model.ts';
import { departures } from '../own-formats/own-formats.ts';
import type { SourceFinding } from '../sources.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';

/** Where exemptions are written, relative to the root. */
export const exemptionsFile = 'policies/exemptions.yaml';

/**
 * A finding that somebody accepts: of one rule, about one object, in one environment. Of a secret it is about a file: then
 * the kind is `File`, the name its path relative to the root, and the environment ''.
 */
export type Exemption = {
  rule: string;
  environment: string;
  kind: string;
  name: string;
  /** The last day on which it holds without a finding of its own, as YYYY-MM-DD. */
  expires: string;
  /** The line of its entry. */
  line: number;
};

/** How far away the last day of an exemption may be. */
const mostDays = 180;

/** The furthest day that an exemption may be written for on a day, as YYYY-MM-DD. */
export const furthestDay = (today: Date) =>
  isoDay(new Date(today.getTime() + mostDays * 24 * 60 * 60 * 1000));

/** A day as YYYY-MM-DD. */
export const isoDay = (date: Date) => date.toISOString().slice(0, 10);

/** Reads the exemptions of a repository; one without the file has none. What is wrong with them is a finding. */
export async function readExemptions(
  root: string,
  files: YamlFiles,
): Promise<{ exemptions: Exemption[]; findings: SourceFinding[] }> {
  const file = path.join(root, exemptionsFile);
  if (!files.holds(file)) {
    return { exemptions: [], findings: [] };
  }
  const yaml = await files.read(file);
  const value = yaml.values()[0];
  if (value === undefined || isDeepStrictEqual(value, { exemptions: [] })) {
    return { exemptions: [], findings: [] };
  }
  const wrong = departures('exemptions', yaml, 0, value);
  if (wrong.length > 0) {
    return {
      exemptions: [],
      findings: wrong.map(({ line, message }) => ({ rule: 'exemption', file, line, message })),
    };
  }
  const exemptions = maps(isMap(value) ? value.exemptions : []).map((entry, index): Exemption => {
    const { line } = yaml.locate(0, ['exemptions', index]);
    const { rule, environment, file: exempted, object, expires } = entry;
    const [kind = '', name = ''] =
      exempted === undefined ? text(object).split('/') : ['File', text(exempted)];
    return { rule: text(rule), environment: text(environment), kind, name, expires: text(expires), line };
  });
  return { exemptions, findings: [] };
}

/** What an exemption itself is found for: a day that is past or too far, or a rule that nobody can be exempted from. */
export function exemptionFindings(
  root: string,
  exemptions: Exemption[],
  exemptible: Set<string>,
  today: Date,
): SourceFinding[] {
  const file = path.join(root, exemptionsFile);
  const furthest = furthestDay(today);
  const seen = new Set<string>();
  return exemptions.flatMap((exemption): SourceFinding[] => {
    const { rule, kind, name, environment, expires, line } = exemption;
    const found = (id: 'exemption' | 'exemption-expired', message: string) => [
      { rule: id, file, line, message },
    ];
    const key = [rule, environment, kind, name].join(' ');
    const again = seen.has(key);
    seen.add(key);
    if (again) {
      return found('exemption', `${exempted(exemption)} is exempted twice`);
    }
    if (!exemptible.has(rule)) {
      return found('exemption', `there is no rule ${rule} that an object can be exempted from`);
    }
    if (!isDay(expires)) {
      return found('exemption', `expires ${expires}, and there is no such day`);
    }
    if (expires < isoDay(today)) {
      return found('exemption-expired', `${exempted(exemption)} was accepted until ${expires}`);
    }
    return expires > furthest
      ? found('exemption', `expires ${expires} is more than ${mostDays} days away, which is ${furthest}`)
      : [];
  });
}

function exempted({ rule, environment, kind, name }: Exemption): string {
  return `${rule} for ${environment === '' ? name : `${kind}/${name} in ${environment}`}`;
}

/** Whether a day of the form YYYY-MM-DD is in the calendar. */
export function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** Whether an exemption is of a rule's finding about an object. */
export function covers(
  { rule, environment, kind, name }: Exemption,
  ruleId: string,
  object: RenderedObject,
): boolean {
  const { id, target } = object;
  return rule === ruleId && environment === target.environment && kind === id.kind && name === id.name;
}

/** Whether a finding about a file is accepted. */
export function isFileExempt(
  exemptions: Exemption[],
  { rule, file }: Pick<SourceFinding, 'rule' | 'file'>,
  root: string,
): boolean {
  return exemptions.some(
    (one) => one.kind === 'File' && one.rule === rule && path.join(root, one.name) === file,
  );
}

/** Whether a rule's finding about an object is accepted. */
export function isExempt(exemptions: Exemption[], rule: string, object: RenderedObject): boolean {
  return exemptions.some((exemption) => covers(exemption, rule, object));
}

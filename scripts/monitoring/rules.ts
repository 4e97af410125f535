import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { repoRoot } from '../paths.ts';

/** What a Prometheus and a Grafana are given. */
export const monitoringFolder = path.join(repoRoot, 'monitoring');
const alertsFolder = path.join(monitoringFolder, 'alerts');

/** A rule as Prometheus has it: it records a series, or raises an alert. */
export interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** One PrometheusRule: its file's name, and what a plain file of rules would hold. */
interface RuleFile {
  file: string;
  spec: { groups: { name: string; rules: Rule[] }[] };
}

/** Every PrometheusRule, in the order of their names. `npm run check` holds them to their schema. */
export async function ruleFiles(): Promise<RuleFile[]> {
  return Promise.all(
    (await filesNamed((file) => !file.endsWith('.test.yaml'))).map(async (file) => {
      const { spec } = parse(await readFile(path.join(alertsFolder, file), 'utf8')) as Pick<RuleFile, 'spec'>;
      return { file, spec };
    }),
  );
}

/** The tests beside them, which are promtool's: their names and texts. */
export async function ruleTests(): Promise<{ file: string; text: string }[]> {
  return Promise.all(
    (await filesNamed((file) => file.endsWith('.test.yaml'))).map(async (file) => ({
      file,
      text: await readFile(path.join(alertsFolder, file), 'utf8'),
    })),
  );
}

async function filesNamed(wanted: (file: string) => boolean): Promise<string[]> {
  return (await Array.fromAsync(glob('*.yaml', { cwd: alertsFolder }))).filter(wanted).sort();
}

/** Every rule of every file. */
export async function rules(): Promise<Rule[]> {
  return (await ruleFiles()).flatMap(({ spec }) => spec.groups.flatMap((group) => group.rules));
}

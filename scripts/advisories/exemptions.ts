import path from 'node:path';
import { isMap, maps, text } from '../check/model.ts';
import { departures } from '../check/own-formats/own-formats.ts';
import { YamlFiles } from '../check/yaml/yaml-files.ts';
import { CannotRun } from '../cli.ts';

/** Where accepted advisories are written, relative to the root. */
export const advisoriesFile = 'policies/advisories.yaml';

/** An advisory that somebody accepts for a package, until a day. */
export interface Accepted {
  id: string;
  package: string;
  owner: string;
  reason: string;
  /** The last day on which it holds, as YYYY-MM-DD. */
  expires: string;
  /** The line of its entry. */
  line: number;
}

/** Reads the accepted advisories of a repository; one without the file has none. @throws {CannotRun} */
export async function readAccepted(root: string): Promise<Accepted[]> {
  const file = path.join(root, advisoriesFile);
  const files = new YamlFiles();
  if (!files.holds(file)) {
    return [];
  }
  const yaml = await files.read(file);
  const value = yaml.values()[0];
  const [wrong] = value === undefined ? yaml.problems : departures('advisories', yaml, 0, value);
  if (wrong !== undefined) {
    throw new CannotRun(`${file}:${wrong.line}: ${wrong.message}. Mend it, then run this again.`);
  }
  return maps(value !== undefined && isMap(value) ? value.exemptions : []).map((entry, index) => ({
    id: text(entry.id),
    package: text(entry.package),
    owner: text(entry.owner),
    reason: text(entry.reason),
    expires: text(entry.expires),
    line: yaml.locate(0, ['exemptions', index]).line,
  }));
}

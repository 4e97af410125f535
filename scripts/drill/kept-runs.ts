import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stateDir } from '../paths.ts';
import type { Result } from './drill.ts';
import { asJson } from './report.ts';
import { timeline } from './timeline.ts';

/** Where the runs on a cluster are kept: an embedded one's name, or a context, which may hold any character. */
export function drillsFolder(cluster: string): string {
  return path.join(stateDir, cluster.replaceAll(/[^\w.@-]/g, '_'), 'drills');
}

/** Writes a run's JSON and picture; returns their path without its ending. */
export async function keep(cluster: string, result: Result): Promise<string> {
  const folder = drillsFolder(cluster);
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${result.drill}-${result.started.replaceAll(/[:.]/g, '-')}`);
  await writeFile(`${file}.json`, `${JSON.stringify(asJson(result), null, 2)}\n`);
  await writeFile(`${file}.svg`, timeline(result));
  return file;
}

import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Run } from '../drill/resilience.ts';

/** The last run of a drill, and how often it has been run. Times are ISO 8601, figures seconds. */
export interface DrillView {
  drill: string;
  environment: string;
  started: string;
  passed: boolean;
  requests: number;
  failed: number;
  figures: Record<string, number>;
  /** What did not hold. */
  broken: string[];
  runs: number;
  /** The file of its timeline. */
  timeline: string;
}

type KeptRun = Run & { environment: string; held: { what: string; holds: boolean }[] };

/** What a timeline's file may be called: nothing that leads elsewhere. */
export const timelineName = /^[a-z][a-z-]*-\d{4}-\d{2}-\d{2}T[\d-]+Z\.svg$/;

/** The last run of every drill that is kept in a folder, read again only where a file is new. */
export class DrillRuns {
  readonly #folder: string;
  readonly #read = new Map<string, KeptRun>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async last(): Promise<DrillView[]> {
    const files = existsSync(this.#folder) ? await readdir(this.#folder) : [];
    const kept = files.filter(
      (file) => timelineName.test(file.replace(/\.json$/, '.svg')) && file.endsWith('.json'),
    );
    for (const file of kept.filter((file) => !this.#read.has(file))) {
      const run = await this.#parsed(file);
      if (run !== undefined) {
        this.#read.set(file, run);
      }
    }
    for (const file of this.#read.keys()) {
      if (!kept.includes(file)) {
        this.#read.delete(file);
      }
    }
    const byDrill = Map.groupBy(this.#read, ([, { drill }]) => drill);
    return [...byDrill.values()].flatMap((runs): DrillView[] => {
      const [last] = runs.toSorted(([, one], [, other]) => (one.started < other.started ? 1 : -1));
      return last === undefined ? [] : [view(last[0], last[1], runs.length)];
    });
  }

  /** Undefined while it is being written: the next look finds it whole. */
  async #parsed(file: string): Promise<KeptRun | undefined> {
    try {
      const { drill, environment, started, passed, requests, failed, figures, held } = JSON.parse(
        await readFile(path.join(this.#folder, file), 'utf8'),
      ) as KeptRun;
      return { drill, environment, started, passed, requests, failed, figures, held };
    } catch {
      return undefined;
    }
  }
}

function view(file: string, run: KeptRun, runs: number): DrillView {
  const { drill, environment, started, passed, requests, failed, figures, held } = run;
  return {
    drill,
    environment,
    started,
    passed,
    requests,
    failed: failed.length,
    figures,
    broken: held.filter(({ holds }) => !holds).map(({ what }) => what),
    runs,
    timeline: file.replace(/\.json$/, '.svg'),
  };
}

import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import path from 'node:path';
import type { Audit, AuditFinding } from '../audit/model.ts';
import { repoRoot } from '../paths.ts';

/** What the last audit found. */
export interface AuditView {
  /** When it ended, ISO 8601; undefined before the first one has. */
  at?: string;
  findings: AuditFinding[];
  /** Why there is none, where it could not run. */
  problem?: string;
}

/** What decides on an audit; times are milliseconds since 1970. */
interface Moments {
  begun: number;
  /** When the last audit ended, and the first and the last change since that one may find. */
  ended?: number;
  firstChange?: number;
  lastChange?: number;
}

/** Milliseconds: after the page's start; after a change, that one change be done; at most after one; without any. */
const [first, settled, patience, without] = [10_000, 20_000, 60_000, 900_000];

/** Whether it is time for an audit: soon after a change where somebody looks, else now and then, as it costs seconds. */
export function isDue(
  { begun, ended, firstChange, lastChange }: Moments,
  now: number,
  watched: boolean,
): boolean {
  if (ended === undefined) {
    return now - begun > first;
  }
  const isSettled =
    firstChange !== undefined &&
    lastChange !== undefined &&
    (now - lastChange > settled || now - firstChange > patience);
  return now - ended > without || (watched && isSettled);
}

/** Runs `npm run audit` now and then, gently, and keeps what it found. */
export class Audits {
  #view: AuditView = { findings: [] };
  #running = false;
  #moments: Moments = { begun: Date.now() };
  readonly #args: string[];
  readonly #onChange: () => void;

  /** @param args which cluster, as the command takes it */
  constructor(args: string[], onChange: () => void) {
    this.#args = args;
    this.#onChange = onChange;
  }

  get view(): AuditView {
    return this.#view;
  }

  /** Something changed that an audit may find. */
  changed(): void {
    const now = Date.now();
    this.#moments = { firstChange: now, ...this.#moments, lastChange: now };
  }

  /** Runs one where it is time for it. @param watched whether somebody looks */
  async tick(watched: boolean): Promise<void> {
    if (this.#running || !isDue(this.#moments, Date.now(), watched)) {
      return;
    }
    this.#running = true;
    const { begun } = this.#moments;
    this.#moments = { begun };
    const { findings } = this.#view;
    const view = await this.#ask();
    // What cannot be known anew was so when it was last known.
    this.#view = view.problem === undefined ? view : { ...view, findings };
    this.#moments = { ...this.#moments, ended: Date.now() };
    this.#running = false;
    this.#onChange();
  }

  async #ask(): Promise<AuditView> {
    const script = path.join(repoRoot, 'scripts/audit.ts');
    const child = spawn(process.execPath, [script, '--json', ...this.#args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { promise, resolve } = Promise.withResolvers<AuditView>();
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.on('error', (error) => resolve({ findings: [], problem: error.message }));
    child.on('close', (code) => {
      const at = new Date().toISOString();
      try {
        const { findings } = JSON.parse(Buffer.concat(output).toString()) as Audit;
        resolve({ at, findings });
      } catch {
        const said = Buffer.concat(errors).toString().trim().split('\n').at(-1) || `it ended with ${code}`;
        resolve({ at, findings: [], problem: said });
      }
    });
    if (child.pid !== undefined) {
      // What is looked at goes before who looks.
      setPriority(child.pid, 19);
    }
    return promise;
  }
}

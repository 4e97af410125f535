import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import path from 'node:path';
import { repoRoot } from '../paths.ts';

/** A finding of `npm run audit`, as far as the page shows it. */
interface AuditFinding {
  kind: string;
  rule: string;
  severity: string;
  environment: string;
  object: { kind: string; namespace: string; name: string };
  message: string;
}

/** What the last audit found. */
export interface AuditView {
  /** When it ended, ISO 8601; undefined before the first one has. */
  at?: string;
  findings: AuditFinding[];
  /** Why there is none, where it could not run. */
  problem?: string;
}

/** Milliseconds from a change of the cluster to an audit, that one change be done; and between two without any. */
const [settling, atLeastEvery] = [15_000, 900_000];

/** Runs `npm run audit` now and then, gently, and keeps what it found. */
export class Audits {
  #view: AuditView = { findings: [] };
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
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

  /** Something changed that an audit may find. Changes that go on put it off, four times at most. */
  due(): void {
    this.#due ||= Date.now();
    const latest = this.#due + 4 * settling;
    this.#at(Math.min(Date.now() + settling, latest));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #at(time: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#run(), Math.max(0, time - Date.now()));
  }

  async #run(): Promise<void> {
    await this.#running;
    this.#due = 0;
    this.#running = this.#ask().then((view) => {
      this.#view = view;
      this.#running = undefined;
      this.#onChange();
      if (this.#due === 0) {
        this.#at(Date.now() + atLeastEvery);
      }
    });
    await this.#running;
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
        const { findings } = JSON.parse(Buffer.concat(output).toString()) as { findings: AuditFinding[] };
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

import type { Environment } from '../environment.ts';
import type { Answer } from './load.ts';
import type { Stage } from './stage.ts';

/** Something that was seen to hold, or not. */
export type Held = { what: string; holds: boolean };

/** What a drill measured, in seconds by name, and what it looked at. */
export type Outcome = {
  figures: Record<string, number>;
  held: Held[];
  /** Which requests may fail: none, or those while the database is away. */
  mayFail?: (answer: Answer) => boolean;
};

/** A failure caused on purpose under load: what is done, and what must hold. */
export type Drill = {
  name: string;
  /** Whose service is under load. */
  environment: Environment;
  /** What is done, and what must hold, in a sentence each. */
  cause: string;
  holds: string;
  /** How long it takes, such as `20 s`. */
  usually: string;
  /** The figure that counts, and the seconds it should stay below on two cores. */
  goal?: { figure: string; seconds: number };
  /** What the architecture notes observed, and what Kubernetes and Argo CD do when nothing is set. */
  elsewhere?: { notes?: string; defaults?: string };
  /** It takes what only the embedded cluster can do, such as pulling a node's cable. */
  embeddedOnly?: true;
  /**
   * Causes it and watches; `note` writes down what happens and returns when, in milliseconds of the load; `answers` are
   * those until now.
   */
  run(stage: Stage, note: (event: string) => number, answers: readonly Answer[]): Promise<Outcome>;
};

/** What happened at a time, in milliseconds since the load began. */
export type Event = { at: number; text: string };

/** One run of a drill. */
export type Result = Omit<Outcome, 'mayFail'> & {
  drill: string;
  environment: Environment;
  started: string;
  seconds: number;
  events: Event[];
  answers: Answer[];
  /** Answers that a client would call failed and that the drill does not allow for. */
  failed: Answer[];
  /** Why it could not be ended, where it could not. */
  error?: string;
  /** Why not everything is as it was before. */
  left?: string;
};

/** Whether all held, nothing failed and the drill came to its end. The goal is no part of it: machines are noisy. */
export function passed({ held, failed, error, left }: Result): boolean {
  return error === undefined && left === undefined && failed.length === 0 && held.every(({ holds }) => holds);
}

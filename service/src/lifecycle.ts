import { setTimeout as sleep } from 'node:timers/promises';

/** What this process is up to: starting, then ready, and draining from SIGTERM on. */
export class Lifecycle {
  #schemaReady = false;
  #draining = false;
  readonly #started = Promise.withResolvers<void>();

  /** Sticky on purpose: a short database failover must not empty the Service. */
  get ready(): boolean {
    return this.#schemaReady && !this.#draining;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Waits while it is starting, `ms` milliseconds at most. */
  async started(ms: number): Promise<void> {
    // A timer each for what edges ask five times a second would be for nothing.
    if (this.#schemaReady || this.#draining) return;
    await Promise.race([this.#started.promise, sleep(ms, undefined, { ref: false })]);
  }

  /** The database was reached and every migration is applied. */
  schemaIsReady(): void {
    this.#schemaReady = true;
    this.#started.resolve();
  }

  startDraining(): void {
    this.#draining = true;
    this.#started.resolve();
  }
}

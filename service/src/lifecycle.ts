/** What this process is up to: starting, then ready, and draining from SIGTERM on. */
export class Lifecycle {
  #schemaReady = false;
  #draining = false;

  /** Sticky on purpose: a short database failover must not empty the Service. */
  get ready(): boolean {
    return this.#schemaReady && !this.#draining;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** The database was reached and every migration is applied. */
  schemaIsReady(): void {
    this.#schemaReady = true;
  }

  startDraining(): void {
    this.#draining = true;
  }
}

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from 'pino';
import { streamOf } from './connection.ts';
import { NotSent, within } from './failures.ts';

/** What a server answers with a row of {@link StandbyRow}: whether it only reads, as it follows another. */
export const askStandby = 'SELECT pg_is_in_recovery() AS standby';
export type StandbyRow = { standby: boolean };

const pauseMs = 250;
/** How often a standby is asked whether it is the primary yet, and when it is looked whether another one is there. */
const promotionPauseMs = 50;
const promotionMs = 2000;

/**
 * Whether an address of a database leads to somebody, and to one who takes writes. Where it is told that it does not, it
 * looks until it does, and lets wait whoever asks meanwhile.
 */
export class Presence {
  readonly #newClient: () => pg.Client;
  readonly #patienceMs: number;
  readonly #log: Logger;
  #away = false;
  /** Why it is away, and what tells those that wait that it is not any more. */
  #reason = '';
  #back = Promise.withResolvers<void>();
  /** Pending while the address leads to a standby. */
  #promotion: Promise<void> | undefined;
  #ended = false;

  /** @param patienceMs by when a server answers at the latest */
  constructor(newClient: () => pg.Client, patienceMs: number, log: Logger) {
    this.#newClient = newClient;
    this.#patienceMs = patienceMs;
    this.#log = log;
  }

  /** True from the first time no connection was to be had until a statement is answered again. */
  get away(): boolean {
    return this.#away;
  }

  /** False while it is looked for one. */
  get hasPrimary(): boolean {
    return this.#promotion === undefined;
  }

  isAway(reason: string): void {
    if (this.#away || this.#ended) return;
    this.#away = true;
    this.#reason = reason;
    this.#back = Promise.withResolvers();
    this.#log.warn({ reason }, 'the database is away');
    void this.#probe(
      () => !this.#away,
      async (client) => {
        await within(this.#patienceMs, client.query('SELECT 1'));
        this.isBack();
      },
    );
  }

  isBack(): void {
    if (!this.#away) return;
    this.#away = false;
    this.#back.resolve();
    this.#log.info('the database is back');
  }

  /**
   * Who would rather try to connect is refused six times by the kernel, and then, once a second apart, not even that: a
   * Service without a pod answers with ICMP, which is limited to so much.
   * @throws {NotSent} after `ms` milliseconds
   */
  async untilBack(ms: number): Promise<void> {
    await within(ms, this.#back.promise).catch(() => {
      throw new NotSent(this.#reason);
    });
  }

  /** @throws {NotSent} after `ms` milliseconds */
  async untilPrimary(ms: number): Promise<void> {
    this.#promotion ??= this.#lookForPrimary().finally(() => {
      this.#promotion = undefined;
    });
    await within(Math.max(0, ms), this.#promotion).catch(() => {
      throw new NotSent('there was no primary in time');
    });
  }

  /** Looks no more. */
  end(): void {
    this.#ended = true;
  }

  async #lookForPrimary(): Promise<void> {
    this.#log.warn('the database has no primary');
    let promoted = false;
    await this.#probe(
      () => promoted,
      async (client) => {
        promoted = await becomesPrimary(client, this.#patienceMs);
      },
    );
    if (promoted) this.#log.info('the database has a primary');
  }

  /**
   * Begins a try each moment. One that hangs on its way keeps no other waiting, as the way may lead elsewhere by then; one
   * that has reached a server does: a server that is slow to let it in would only be slower with more of them.
   */
  async #probe(isOver: () => boolean, ask: (client: pg.Client) => Promise<void>): Promise<void> {
    while (!isOver() && !this.#ended) {
      await sleep(pauseMs);
      const client = this.#newClient();
      const arrived = once(streamOf(client), 'connect').then(
        () => true,
        () => true,
      );
      const tried = tryToAsk(client, ask);
      if (await Promise.race([arrived, sleep(pauseMs, false)])) await tried;
    }
  }
}

/** Asks a standby until it is the primary. False where it is not soon: the address may lead to another by then. */
async function becomesPrimary(client: pg.Client, patienceMs: number): Promise<boolean> {
  const until = performance.now() + promotionMs;
  for (;;) {
    const { rows } = await within(patienceMs, client.query<StandbyRow>(askStandby));
    if (rows[0]?.standby === false) return true;
    if (performance.now() > until) return false;
    await sleep(promotionPauseMs);
  }
}

async function tryToAsk(client: pg.Client, ask: (client: pg.Client) => Promise<void>): Promise<void> {
  client.on('error', () => {});
  try {
    await client.connect();
    await ask(client);
  } catch {
    // Nobody is there still, or not any more.
  } finally {
    // Not waited for: a server that was lost just now never says that it is closed.
    void client.end().catch(() => {});
  }
}

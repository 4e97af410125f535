import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { streamOf } from './connection.ts';
import { within } from './failures.ts';

const pauseMs = 250;
/** How often a standby is asked whether it is the primary yet, and when it is looked whether another one is there. */
const promotionPauseMs = 50;
const promotionMs = 2000;

/**
 * Begins a try each moment until it is over. One that hangs on its way keeps no other waiting, as the way may lead elsewhere
 * by then; one that has reached a server does: a server that is slow to let it in would only be slower with more of them.
 */
export async function probe(
  newClient: () => pg.Client,
  isOver: () => boolean,
  ask: (client: pg.Client) => Promise<void>,
): Promise<void> {
  while (!isOver()) {
    await sleep(pauseMs);
    const client = newClient();
    const arrived = once(streamOf(client), 'connect').then(
      () => true,
      () => true,
    );
    const tried = tryToAsk(client, ask);
    if (await Promise.race([arrived, sleep(pauseMs, false)])) await tried;
  }
}

/** Asks a standby until it is the primary. False where it is not soon: the address may lead to another by then. */
export async function becomesPrimary(client: pg.Client, patienceMs: number): Promise<boolean> {
  const until = performance.now() + promotionMs;
  for (;;) {
    const asked = client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    const { rows } = await within(patienceMs, asked);
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

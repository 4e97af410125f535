import { createHash } from 'node:crypto';
import { cachedRender, keepRender } from '../render-cache.ts';
import { type Secret, scannerVersion, secretsIn } from './scanner.ts';

/**
 * What was looked at once, by the name that Git gives a content: the same has the same credentials, in whichever file,
 * commit or clone.
 */
export class KnownBlobs {
  readonly #key = createHash('sha256').update(`secrets ${scannerVersion}`).digest('hex');
  #known: Map<string, Secret[]> | undefined;
  #isChanged = false;

  /** Whether a content was looked at. */
  async has(blob: string): Promise<boolean> {
    return (await this.#read()).has(blob);
  }

  /** The credentials in a content; `content` is asked for where it was never looked at. */
  async secrets(blob: string, file: string, content: () => Buffer): Promise<Secret[]> {
    const known = await this.#read();
    const found = known.get(blob) ?? (await secretsIn(file, content()));
    this.#isChanged ||= !known.has(blob);
    known.set(blob, found);
    return found;
  }

  /** Writes down what was looked at. */
  async keep(): Promise<void> {
    if (this.#isChanged) {
      const all = [...(await this.#read())];
      const clean = all.filter(([, secrets]) => secrets.length === 0).map(([blob]) => blob);
      await keepRender(this.#key, { clean, found: all.filter(([, secrets]) => secrets.length > 0) });
    }
  }

  async #read(): Promise<Map<string, Secret[]>> {
    if (this.#known === undefined) {
      type Kept = { clean: string[]; found: [string, Secret[]][] };
      const { clean, found } = ((await cachedRender(this.#key)) as Kept | undefined) ?? {
        clean: [],
        found: [],
      };
      this.#known = new Map([...clean.map((blob): [string, Secret[]] => [blob, []]), ...found]);
    }
    return this.#known;
  }
}

/** The name that Git gives a content. */
export function blobName(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

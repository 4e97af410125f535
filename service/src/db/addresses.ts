import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { promisify } from 'node:util';

type Resolve = (host: string) => Promise<LookupAddress[]>;

const everyAddress: Resolve = (host) => promisify(lookup)(host, { all: true });

/** How long a new answer is awaited where there is an old one. A Service's address stays; DNS may be on a lost node. */
const patienceMs = 250;

/**
 * Looks up where connections lead. A question that DNS leaves unanswered holds one of Node's four threads for as many
 * seconds, so a name is asked for once at a time, and the last answer serves where a new one takes long.
 */
export class Addresses {
  readonly #resolve: Resolve;
  readonly #known = new Map<string, LookupAddress[]>();
  readonly #asked = new Map<string, Promise<LookupAddress[]>>();

  constructor(resolve = everyAddress) {
    this.#resolve = resolve;
  }

  /** For `net.connect`. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    this.#addresses(host).then(
      (found) => {
        const fitting = found.filter(({ family }) => !options.family || family === options.family);
        const [first] = fitting;
        if (options.all === true) callback(null, fitting);
        else if (first === undefined)
          callback(Object.assign(new Error(`${host} has no address`), notFound), '');
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };

  async #addresses(host: string): Promise<LookupAddress[]> {
    const asked = this.#ask(host);
    const known = this.#known.get(host);
    if (known === undefined) return asked;
    const { promise: waited, resolve } = Promise.withResolvers<LookupAddress[]>();
    const timer = setTimeout(() => resolve(known), patienceMs);
    try {
      return await Promise.race([asked, waited]);
    } catch {
      return known;
    } finally {
      clearTimeout(timer);
    }
  }

  #ask(host: string): Promise<LookupAddress[]> {
    const running = this.#asked.get(host);
    if (running !== undefined) return running;
    const asked = this.#resolve(host)
      .then((found) => {
        this.#known.set(host, found);
        return found;
      })
      .finally(() => this.#asked.delete(host));
    this.#asked.set(host, asked);
    // Who waited may have gone on with what was known.
    asked.catch(() => {});
    return asked;
  }
}

const notFound = { code: 'ENOTFOUND' };

import type { Database } from './database.ts';

/** A quote as it is stored and as the API answers it. */
export interface Quote {
  readonly id: number;
  readonly text: string;
  readonly author: string;
}

/** What a client gives to make a quote. */
export interface NewQuote {
  readonly text: string;
  readonly author: string;
}

/** One page of quotes; `total` counts those of every page. */
export interface QuotePage {
  readonly items: readonly Quote[];
  readonly page: number;
  readonly limit: number;
  readonly total: number;
}

/** The quotes, wherever they are. Every method may throw DatabaseUnavailable. */
export interface Quotes {
  /** Quotes in the order they were added; a page beyond the last is empty. */
  page(page: number, limit: number): Promise<QuotePage>;
  /** Any quote; undefined where there is none. */
  random(): Promise<Quote | undefined>;
  /** The quote added after the one with this id, or the first one; undefined where there is none. */
  after(id: number): Promise<Quote | undefined>;
  /** The quote with this id, if there is one. */
  byId(id: number): Promise<Quote | undefined>;
  /** Adds a quote and answers it with its id. Run once: a failure may still have added it. */
  add(quote: NewQuote): Promise<Quote>;
}

/** The quotes in Postgres. */
export class PostgresQuotes implements Quotes {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async page(page: number, limit: number): Promise<QuotePage> {
    const [row] = await this.#database.read<{ total: number; items: Quote[] }>(
      `SELECT (SELECT count(*)::integer FROM quotes) AS total,
              coalesce(json_agg(found), '[]') AS items
         FROM (SELECT id, text, author FROM quotes ORDER BY id LIMIT $1 OFFSET $2) AS found`,
      [limit, (page - 1) * limit],
    );
    return { items: row?.items ?? [], page, limit, total: row?.total ?? 0 };
  }

  async random(): Promise<Quote | undefined> {
    // An index lookup however many quotes there are; gaps between ids favour the quote after them.
    const [quote] = await this.#database.read<Quote>(
      `SELECT id, text, author FROM quotes
        WHERE id >= (SELECT 1 + floor(random() * max(id))::integer FROM quotes)
        ORDER BY id LIMIT 1`,
    );
    return quote;
  }

  async after(id: number): Promise<Quote | undefined> {
    const [quote] = await this.#database.read<Quote>(
      `SELECT id, text, author FROM quotes
        WHERE id = coalesce((SELECT min(id) FROM quotes WHERE id > $1), (SELECT min(id) FROM quotes))`,
      [id],
    );
    return quote;
  }

  async byId(id: number): Promise<Quote | undefined> {
    const [quote] = await this.#database.read<Quote>('SELECT id, text, author FROM quotes WHERE id = $1', [
      id,
    ]);
    return quote;
  }

  async add(quote: NewQuote): Promise<Quote> {
    const [added] = await this.#database.write<Quote>(
      'INSERT INTO quotes (text, author) VALUES ($1, $2) RETURNING id, text, author',
      [quote.text, quote.author],
    );
    if (added === undefined) throw new Error('INSERT … RETURNING answered no row');
    return added;
  }
}

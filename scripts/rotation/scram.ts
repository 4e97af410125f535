import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** Postgres' own number: https://www.postgresql.org/docs/15/runtime-config-connection.html */
const iterations = 4096;

/**
 * What Postgres keeps of a password (RFC 5803), and takes in its place: so that no statement, and no log of one, has the
 * password itself. For ASCII, which needs no preparation.
 */
export function scramVerifier(password: string, salt = randomBytes(16)): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64');
  const keys = `${stored}:${hmac('Server Key').toString('base64')}`;
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${keys}`;
}

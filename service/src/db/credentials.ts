import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Who a connection logs in as. */
export interface Credentials {
  readonly user: string;
  readonly password: string | undefined;
}

/** The same for as long as the process lives, or what the files `username` and `password` of a folder say just then. */
export type CredentialsSource = Credentials | { readonly folder: string };

/**
 * Who to log in as now.
 * @throws the system's error where a file cannot be read
 */
export function readCredentials(source: CredentialsSource): Credentials {
  if (!('folder' in source)) return source;
  const read = (file: string) => readFileSync(path.join(source.folder, file), 'utf8').trim();
  return { user: read('username'), password: read('password') };
}

import { homedir } from 'node:os';
import path from 'node:path';

/** The clone this program runs from. */
export const repoRoot = path.dirname(import.meta.dirname);

function xdg(variable: string, fallback: string): string {
  const value = process.env[variable];
  // The XDG specification says a relative path is invalid and to be ignored.
  return value?.startsWith('/') ? value : path.join(homedir(), fallback);
}

/** What can be made again: built programs, images, schemas. Shared by every clone on the machine. */
export const cacheDir = path.join(xdg('XDG_CACHE_HOME', '.cache'), 'quotes');

/** What a cluster is: its data, keys, logs, kubeconfig. One folder a cluster. */
export const stateDir = path.join(xdg('XDG_STATE_HOME', '.local/state'), 'quotes');

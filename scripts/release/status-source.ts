import { execa } from 'execa';
import { readPorts } from '../cluster/gateway/gateway.ts';
import { clusterLayout, defaultClusterName } from '../cluster/layout.ts';
import type { StatusSource } from './commit-statuses.ts';

/** What --help says of `--statuses`. */
export const statusesHelp = `  --statuses URL           where Argo CD's notifications are kept, as https://api.github.com/repos/OWNER/NAME; private
                           ones with a token in GITHUB_TOKEN (default: the embedded cluster's, or origin's on GitHub)`;

/**
 * Where what Argo CD said of commits is asked for: where the user says, at the embedded cluster's git server, or for a
 * cluster of the user's own at GitHub, where origin is there. Undefined where none of them is.
 */
export async function statusSource(
  root: string,
  choice: { statuses?: string | undefined; name?: string | undefined; context?: string | undefined },
): Promise<StatusSource | undefined> {
  const token = process.env.GITHUB_TOKEN;
  const withToken = (url: string) => ({ url, ...(token !== undefined && token !== '' && { token }) });
  if (choice.statuses !== undefined) {
    return withToken(choice.statuses.replace(/\/$/, ''));
  }
  if (choice.context === undefined) {
    const ports = await readPorts(clusterLayout(choice.name ?? defaultClusterName));
    return ports && { url: `http://127.0.0.1:${ports.git}/repos/quotes/quotes` };
  }
  const origin = await execa('git', ['-C', root, 'remote', 'get-url', 'origin'], { reject: false });
  const url = githubApi(origin.stdout ?? '');
  return url === undefined ? undefined : withToken(url);
}

/** The API of a repository on GitHub; undefined for any other. */
export function githubApi(repository: string): string | undefined {
  const [, name] = /github\.com[:/]([^/]+\/[^/]+?)(?:\.git)?\/?$/.exec(repository) ?? [];
  return name === undefined ? undefined : `https://api.github.com/repos/${name}`;
}

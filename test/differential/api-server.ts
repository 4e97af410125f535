import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { Resource } from '../../scripts/check/admission/resources.ts';
import type { JsonMap } from '../../scripts/check/model.ts';
import type { Kubectl } from '../../scripts/gitops/kubectl.ts';
import { repoRoot } from '../../scripts/paths.ts';

/** What kube-apiserver says of an object that is created as a dry run. Warnings are what policies warn of. */
export type Answer = { status: number; body: JsonMap; warnings: string[] };

export type ApiServer = {
  /** Creates an object as a dry run, with unknown fields refused. */
  create(resource: Resource, namespace: string, value: JsonMap): Promise<Answer>;
  apply(objects: JsonMap[]): Promise<void>;
};

/** The API of a cluster through `kubectl proxy`, which tells more than kubectl prints. The proxy ends with the test. */
export async function apiServer(t: TestContext, cluster: string, kubectl: Kubectl): Promise<ApiServer> {
  const run = [path.join(repoRoot, 'scripts/run.mjs'), 'kubectl', 'proxy', '--port=0'];
  const child = spawn(process.execPath, run, {
    env: { ...process.env, QUOTES_CLUSTER: cluster },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  t.after(() => process.kill(-(child.pid ?? 0)));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const proxy = `http://${/127\.0\.0\.1:\d+/.exec(said.toString())?.[0]}`;
  return {
    create: async ({ group, version, name, namespaced }, namespace, value) => {
      const base = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
      const url = `${proxy}${base}${namespaced ? `/namespaces/${namespace}` : ''}/${name}`;
      const answer = await fetch(`${url}?dryRun=All&fieldValidation=Strict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(value),
      });
      const warnings = (answer.headers.get('warning') ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/g);
      return {
        status: answer.status,
        body: (await answer.json()) as JsonMap,
        warnings: [...warnings].map(([, text]) => utf8(text ?? '').replaceAll(/\\(.)/g, '$1')),
      };
    },
    apply: async (objects) => {
      await kubectl.apply(objects);
    },
  };
}

/** HTTP headers are read as Latin-1. */
function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString();
}

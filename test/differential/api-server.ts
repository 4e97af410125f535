import type { Resource } from '../../scripts/check/admission/resources.ts';
import type { JsonMap } from '../../scripts/check/model.ts';
import type { Kubectl } from '../../scripts/gitops/kubectl.ts';

/** What kube-apiserver says of an object that is created as a dry run. Warnings are what policies warn of. */
export type Answer = { status: number; body: JsonMap; warnings: string[] };

export type ApiServer = {
  /** Creates an object as a dry run, with unknown fields refused. */
  create(resource: Resource, namespace: string, value: JsonMap): Promise<Answer>;
  apply(objects: JsonMap[]): Promise<void>;
};

/** The API behind `kubectl proxy` at a URL, which tells more than kubectl prints. */
export function apiServer(kubectl: Kubectl, proxy: string): ApiServer {
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
        warnings: [...warnings].map(([, text]) => (text ?? '').replaceAll(/\\(.)/g, '$1')),
      };
    },
    apply: async (objects) => {
      await kubectl.apply(objects);
    },
  };
}

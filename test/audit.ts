import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Audit } from '../scripts/audit/model.ts';
import { environments } from '../scripts/environment.ts';
import { isFine } from '../scripts/gitops/status.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import { until } from '../scripts/until.ts';

/** What an audit says of a cluster as `npm start` leaves it, and of what is done to it behind Argo CD's back. */
export function auditTells(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  const audit = async (...names: string[]): Promise<string[]> => {
    const { findings } = JSON.parse(await rehearsal().command('audit', '--json', ...names)) as Audit;
    return findings.map(
      ({ kind, rule, object, message }) => `${kind} ${rule} ${object.kind}/${object.name}: ${message}`,
    );
  };
  const fine = (environment: string) =>
    until(`${environment} well`, async () => isFine(await rehearsal().status(environment)));

  promise('an audit of a cluster that is as Git says finds nothing', async () => {
    for (const environment of environments) {
      await fine(environment);
    }
    assert.deepEqual(await audit(), []);
  });

  promise(
    'an audit tells of a rule that what runs breaks, of a changed field and of what nobody owns, until they are put right',
    async () => {
      const on = rehearsal();
      const inDev = '--namespace=dev';
      const parameter = (replicas: string) => {
        const patch = JSON.stringify({ data: { 'minimum-replicas.quote-app': replicas } });
        return on.kubectl([
          'patch',
          'configmap/policy-parameters',
          inDev,
          '--type=merge',
          `--patch=${patch}`,
        ]);
      };
      const application = ['application/dev', '--namespace=argocd', '--overwrite'];
      const before = await on.field('dev', 'configmap/policy-parameters', '{.data}');
      const { 'minimum-replicas.quote-app': least = '' } = JSON.parse(before) as Record<string, string>;
      // Else Argo CD would have healed it before the audit looks.
      await on.kubectl(['annotate', ...application, 'argocd.argoproj.io/skip-reconcile=true']);
      try {
        await until('Argo CD looking away', async () => {
          await on.kubectl(['scale', 'deployment/quote-app', inDev, '--replicas=3']);
          await sleep(3000);
          return (await on.field('dev', 'deployment/quote-app', '{.spec.replicas}')) === '3';
        });
        await until('three ready', async () => {
          return (await on.field('dev', 'deployment/quote-app', '{.status.readyReplicas}')) === '3';
        });
        await parameter('4');
        // The API server keeps in mind who made it by its fields.
        await on.kubectl(['create', 'configmap', 'left-behind', '--from-literal=a=b', inDev]);
        const [broken, ...rest] = await audit('dev');
        assert.equal(
          broken,
          'policy minimum-replicas Deployment/quote-app: quote-app has 3 of at least 4 replicas in dev',
        );
        const nobodys = rest.pop();
        assert.match(
          nobodys ?? '',
          /^unowned unowned-object ConfigMap\/left-behind: nobody owns it; made by kubectl-create on /,
        );
        const [parameters = '', deployment = '', ...more] = rest.sort();
        assert.equal(
          parameters,
          `drift drift ConfigMap/policy-parameters: data["minimum-replicas.quote-app"] is "4" in the cluster, "${least}" in Git`,
        );
        assert.equal(
          deployment,
          'drift drift Deployment/quote-app: spec.replicas is 3 in the cluster, 1 in Git',
        );
        assert.deepEqual(more, []);
      } finally {
        await parameter(least);
        await on.kubectl(['delete', 'configmap', 'left-behind', inDev, '--ignore-not-found']);
        const marks = ['argocd.argoproj.io/skip-reconcile-', 'argocd.argoproj.io/refresh=normal'];
        await on.kubectl(['annotate', ...application, ...marks]);
      }
      await until('one replica', async () => {
        return (await on.field('dev', 'deployment/quote-app', '{.spec.replicas}')) === '1';
      });
      await fine('dev');
      assert.deepEqual(await audit(), []);
    },
  );
}

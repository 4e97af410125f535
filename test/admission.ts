import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { execa } from 'execa';
import { check } from '../scripts/check/check.ts';
import { isFine } from '../scripts/gitops/status.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import { until } from '../scripts/until.ts';
import { apiServer } from './differential/api-server.ts';

const rule = 'secret-in-config-map';
const configMaps = { group: '', version: 'v1', name: 'configmaps', namespaced: true, otherVersions: [] };

/** What a policy does in dev, and what in the environments after it. */
export function dutiesOfEnvironments(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  promise(
    'what breaks a policy is warned of and deployed in dev, and refused in staging and prod, in the words of the check',
    async (t) => {
      const on = rehearsal();
      const value = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'tried-out' },
        data: { password: 'changeme' },
      };
      const list = async (environment: string) => {
        await writeFile(path.join(on.clone, `overlays/${environment}/tried-out.yaml`), JSON.stringify(value));
        const kustomization = `overlays/${environment}/kustomization.yaml`;
        await on.edit(
          kustomization,
          '  - priority-class.yaml\n',
          '  - priority-class.yaml\n  - tried-out.yaml\n',
        );
      };
      const said = async () => {
        const { report } = await check(on.clone, [], () => {}, { rule: [rule] });
        return report.findings.map(({ environment, severity, message }) => [environment, severity, message]);
      };
      await list('dev');
      await on.push('dev: a setting that is none');
      const seconds = await until('the setting in dev', async () => {
        return (await on.field('dev', 'configmap/tried-out', '{.data.password}')) === 'changeme';
      });
      t.diagnostic(`push → deployed with a warning: ${seconds.toFixed(1)} s`);
      const [[, , words = ''] = []] = await said();
      await list('staging');
      await list('prod');
      const everywhere = await said();
      // Neither is pushed: what the next promise commits is its own.
      await execa('git', ['-C', on.clone, 'checkout', '--quiet', '.']);
      await execa('git', ['-C', on.clone, 'clean', '--quiet', '--force', 'overlays']);
      assert.deepEqual(everywhere, [
        ['dev', 'warning', words],
        ['prod', 'error', words],
        ['staging', 'error', words],
      ]);
      const api = await apiServer(t, on.cluster, on.kubectl);
      const another = { ...value, metadata: { name: 'tried-by-hand' } };
      const { status, warnings } = await api.create(configMaps, 'dev', another);
      assert.equal(status, 201);
      assert.deepEqual(warnings, [
        `Validation failed for ValidatingAdmissionPolicy '${rule}' with binding '${rule}.warned': ${words}`,
      ]);
      for (const environment of ['staging', 'prod']) {
        await assert.rejects(
          on.kubectl(
            ['create', `--namespace=${environment}`, '--filename=-', '--dry-run=server'],
            JSON.stringify(another),
          ),
          (error: Error) =>
            error.message.trimEnd().endsWith(`with binding '${rule}' denied request: ${words}`),
        );
      }
      await on.revert();
      await until('dev without it', async () => {
        return (
          (await on.field('dev', 'configmap/tried-out', '{.metadata.name}')) === '' &&
          isFine(await on.status('dev'))
        );
      });
    },
  );
}

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { repoRoot } from '../paths.ts';
import { check } from './check.ts';
import { writeGenerated } from './generated.ts';
import { structureRules } from './structure-rules.ts';

/** What the files of an example are put into: one environment with one object, and one policy. */
const skeleton = `#= overlays/dev/kustomization.yaml
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: dev
resources:
  - settings.yaml
#= overlays/dev/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  labels:
    owner: platform
#= policies/kustomization.yaml
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - owner-label/policy.yaml
  - owner-label/binding.yaml
components:
  - exempted
#= policies/owner-label/policy.yaml
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: owner-label
  annotations:
    quotes.check/group: ownership
    quotes.check/why: somebody must answer for it
    quotes.check/fix: add the label
spec:
  matchConstraints:
    resourceRules:
      - apiGroups: [""]
        apiVersions: [v1]
        resources: [configmaps]
        operations: [CREATE, UPDATE]
  validations:
    - expression: "'owner' in object.metadata.?labels.orValue({})"
      message: no owner
#= policies/owner-label/binding.yaml
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: owner-label
spec:
  policyName: owner-label
  validationActions: [Deny]
#= policies/exemptions.yaml
exemptions: []
#= policies/exempted/kustomization.yaml
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: []
#= docs/rules.md
`;

/**
 * Does what a text says: a line `#= PATH` begins a file that is written, `#= git rm PATH` deletes one, `#= git commit`
 * commits all with the message behind it. The first commit is main's, any other a branch's; after `#= git commit main` it is main's too.
 */
async function write(root: string, text: string): Promise<void> {
  const soon = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
  const today = new Date(Date.now() + 12 * 3_600_000).toISOString();
  const token = `ghp_${randomBytes(18).toString('hex')}`;
  for (const [, file = '', content = ''] of text.matchAll(/^#= (.+)\n((?:(?!#= ).*\n)*)/gm)) {
    if (file.startsWith('git commit')) {
      await commit(root, content.replaceAll(/^# ?/gm, ''), file.endsWith(' main'));
      continue;
    }
    if (file.startsWith('git rm ')) {
      await rm(path.join(root, file.slice('git rm '.length)), { recursive: true });
      continue;
    }
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    const filled = content
      .replaceAll('IN_30_DAYS', soon)
      .replaceAll('IN_12_HOURS', today)
      // Made here: one in an example would be one in the repository.
      .replaceAll('A_NEW_TOKEN', token);
    await writeFile(path.join(root, file), filled);
  }
}

async function commit(root: string, message: string, landed: boolean): Promise<void> {
  const git = (...args: string[]) =>
    execa('git', ['-C', root, '-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args]);
  const isFirst = !existsSync(path.join(root, '.git'));
  await (isFirst ? git('init', '--quiet', '--initial-branch=main') : undefined);
  await git('add', '.');
  await git('commit', '--quiet', `--message=${message}`);
  await (isFirst ? git('switch', '--quiet', '--create', 'change') : undefined);
  await (landed ? git('branch', '--force', 'main') : undefined);
}

async function rulesFound(t: TestContext, rule: string, kind: 'valid' | 'invalid'): Promise<string[]> {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-source-examples-'));
  t.after(() => rm(root, { recursive: true }));
  await write(root, skeleton);
  const example = await readFile(path.join(repoRoot, 'policies', rule, `${kind}.yaml`), 'utf8');
  await write(root, example);
  // What is stale stays so, and from what cannot be read nothing is written.
  const isWritten = !['freeze-stale valid', 'freeze-stale invalid', 'freeze-calendar invalid'].includes(
    `${rule} ${kind}`,
  );
  if (isWritten && /^(exemptions|freezes):/m.test(example)) {
    await writeGenerated(root, () => {});
  } else if (rule !== 'exemption-stale') {
    await write(root, await readFile(path.join(repoRoot, 'policies/exemption-stale/valid.yaml'), 'utf8'));
  }
  // Kustomize renders no two objects of one identity: only a file by itself can have them.
  const paths = rule === 'duplicate-object' ? [path.join(root, 'overlays/dev/settings.yaml')] : [];
  const { report } = await check(root, paths, () => {}, {}, {});
  const rules = new Set(report.findings.map((finding) => finding.rule));
  // What does not render says so besides; what is not exempted after all is found.
  const besides = ['render-failed', 'owner-label'].filter((other) => other !== rule);
  return [...rules].filter((found) => kind === 'valid' || !besides.includes(found));
}

for (const { id } of structureRules) {
  test(`${id} lets its valid example through, and its invalid one breaks it and no other rule`, async (t) => {
    assert.deepEqual(await rulesFound(t, id, 'valid'), []);
    assert.deepEqual(await rulesFound(t, id, 'invalid'), [id]);
  });
}

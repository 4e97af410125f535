import type { Rule } from './model.ts';

/**
 * The rules that hold for every file and object whatever the policy says: each closes a way in which a check
 * could be green while the manifest is wrong.
 */
const rules = {
  'yaml-syntax': {
    why: 'What does not parse is not deployed, or not as it reads.',
    fix: 'Mend the YAML at that line.',
  },
  'duplicate-key': {
    why: 'Of two equal keys, or two entries for one name, the last wins and the first is lost without a word.',
    fix: 'Keep one of the two.',
  },
  'missing-file': {
    why: 'A kustomization that names what is not there does not render.',
    fix: 'Create the file or take the line away; paths are relative to the kustomization.',
  },
  'unlisted-file': {
    why: 'A manifest that no kustomization lists is never deployed, however right it looks.',
    fix:
      'List it in a kustomization.yaml, or delete it. A folder of base/ that an overlay may list in place of another, or ' +
      'besides, says so: quotes.check/instead-of: ../OTHER or quotes.check/besides: ../OTHER in its metadata.annotations.',
  },
  'remote-resource': {
    why: 'What a URL serves can change after the review, and cannot be rendered without the internet.',
    fix: 'Copy the manifest into the repository.',
  },
  'outside-repository': {
    why: 'What lies outside is not reviewed, and is another file on another machine.',
    fix: 'Move the file into the repository; a link must lead to a place inside it.',
  },
  'dead-entry': {
    why: "Kustomize passes over a patch, an image or a replacement's target that matches nothing: what it should do never happens.",
    fix: 'Correct the name it is to match, or delete it.',
  },
  kustomization: {
    why: 'Kustomize must read in the file what its author meant.',
    fix: 'See the reference: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/',
  },
  policy: {
    why: 'A policy that the check cannot judge as the cluster does would let through here what is stopped there.',
    fix: 'Write it with what scripts/check/admission supports, or add what it needs there.',
  },
  'idle-policy': {
    why: 'A policy that matches nothing, or that nothing can break, looks like one that is kept.',
    fix: 'Correct the group, version, resource, condition or selector that leaves nothing over.',
  },
  'environment-order': {
    why: 'An environment that stands in no order is compared with none, so it may be laxer than the one before it.',
    fix: 'Name the environments in quotes.check/environments in policies/environments.yaml, the first one first.',
  },
  exemption: {
    why: 'An exemption that says less than who, why and until when is how a rule dies.',
    fix: 'Say rule, environment and object, or file for a secret, owner, reason and expires, at most 180 days from now.',
  },
  'exemption-expired': {
    why: 'What was accepted for a while is accepted no longer.',
    fix: 'Mend what it is about and delete it, or give it a new day and a reason that still holds.',
  },
  'exemption-unused': {
    why: 'An exemption of nothing lets the next mistake through.',
    fix: 'Delete it.',
  },
  'exemption-stale': {
    why: 'The cluster reads the bindings in policies/exempted, and must let through, warn of and deny what the check does.',
    fix: 'Run `npm run check -- --write` and commit what it writes.',
  },
  'render-failed': {
    why: 'What does not render is not deployed, and none of it was checked.',
    fix: 'Run `kustomize build` on the folder to see the same error.',
  },
  'empty-render': {
    why: 'A render of nothing passes every other rule, and deployed it removes everything.',
    fix: 'List at least one resource.',
  },
  'duplicate-object': {
    why: 'Two objects with one identity: the one applied last wins.',
    fix: 'Delete or rename one of the two.',
  },
  'unknown-kind': {
    why: 'The cluster refuses a kind that it does not serve.',
    fix: 'Check apiVersion and kind for a slip; a kind of another operator needs its CRD among the schemas.',
  },
  'unknown-field': {
    why: 'The cluster drops or refuses a field that the kind does not have: what it should say never happens.',
    fix: 'Check the spelling and the indentation of the field.',
  },
  schema: {
    why: 'The cluster refuses an object with a value of the wrong type or without a required field.',
    fix: 'Correct the value; `kubectl explain` describes the field.',
  },
  'deprecated-api': {
    severity: 'warning',
    why: 'A kind that is announced to go breaks with an update of the cluster: the OpenAPI document of the Kubernetes that is pinned, or the CRD, says so.',
    fix: 'Write it in the version or as the kind that took its place.',
  },
  'invalid-object': {
    why: 'The cluster refuses an object whose fields have the right types and contradict each other, or no name may be so.',
    fix: 'Correct the field; https://kubernetes.io/docs/reference/kubernetes-api/ says what it may be.',
  },
  'secret-in-file': {
    group: 'secrets',
    why: 'A credential in a file is in every clone and in every backup of one, and whoever reads the code can use it.',
    fix:
      'Revoke it where it was given out and make a new one, outside Git: it counts as known from the moment it was pushed. ' +
      'Then take it out. What is none, or opens nothing, is exempted by `file: PATH` in policies/exemptions.yaml. Looked at are all ' +
      'files that Git tracks or would add, up to a megabyte, by the recommended rules of secretlint and those of scripts/check/secrets/patterns.ts.',
  },
  'secret-in-history': {
    group: 'secrets',
    why: 'What was committed once and taken out is still in every clone, and found there by whoever looks.',
    fix:
      'Revoke it where it was given out: deleting it helps nobody. Once it opens nothing, exempt it by `file: PATH` in ' +
      'policies/exemptions.yaml, or rewrite the history. The whole history of the commit that is checked out is looked at, each content and ' +
      'each commit once on a machine, so there is no switch to forget; with `--since` what came after that revision, as on a pull request. ' +
      'Of a shallow clone what it has.',
  },
  'migration-safety': {
    group: 'migrations',
    why: 'While a migration runs, and until the last pod is replaced, the version before goes on: it must find what it reads, and no table locked.',
    fix: 'Expand, deploy, contract, as docs/decisions/0010-migrations.md says. Where a statement does no harm after all, write `-- acknowledged: ` and why right above it.',
  },
  'data-removed': {
    group: 'data',
    why: 'A line that is deleted, or a folder renamed, takes a volume or a database out of what Argo CD looks after, and what is not kept goes with its data.',
    fix: "Bring it back. Where it is meant, a line of the commit's message says so: `Acknowledge-Impact: KIND/NAME in NAMESPACE: WHY`. It is compared with what it comes from, the default branch or what `--since` says; where git does not know that, nothing is said.",
  },
  freeze: {
    group: 'freezes',
    why: 'An environment is frozen because nobody could mend what a change breaks there.',
    fix: 'Wait until it is over. What cannot wait says who, why and until when under `overrides:` in policies/freezes.yaml, at most 24 hours ahead.',
  },
  'freeze-calendar': {
    group: 'freezes',
    why: 'A freeze that cannot be read, or of an environment that is none, holds nothing up; and to Argo CD a schedule that never begins is one that is active always.',
    fix: 'Say name, environments and reason, and from and to within a year, or schedule and duration; of an override freeze, environment, owner, reason and until, at most 24 hours ahead.',
  },
  'freeze-over': {
    group: 'freezes',
    why: "Argo CD's sync windows know no year and no override: what is over would come again next year, or lets everything through from now on.",
    fix: 'Take it out of policies/freezes.yaml and run `npm run check -- --write`.',
  },
  'freeze-stale': {
    group: 'freezes',
    why: 'Argo CD reads the sync windows in apps/frozen, and must hold what the check does.',
    fix: "Run `npm run check -- --write` and commit what it writes; apps/kustomization.yaml lists the folder, and the environment's project has the label `environment`.",
  },
  'unpromoted-digest': {
    group: 'promotion',
    why: 'An image that the environment before never ran was tried nowhere, or elsewhere than where it would fail first.',
    fix: 'Promote it to the environment before, let it run there, and promote it on in a change of its own. A digest that both get in one change was in none before.',
  },
} satisfies Record<string, { why: string; fix: string } & Partial<Pick<Rule, 'group' | 'severity'>>>;

export type StructureRuleId = keyof typeof rules;

export const structureRules: Rule[] = Object.entries(rules).map(([id, rule]) => ({
  id,
  group: 'sources',
  severity: 'error',
  gates: 'pull request',
  ...rule,
}));

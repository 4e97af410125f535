import { styleText } from 'node:util';
import { auditCluster } from './audit/audit.ts';
import { deployedCommit, readApplications } from './audit/deployed.ts';
import { terminalAudit } from './audit/report.ts';
import { withTreeAt } from './check/origin.ts';
import { run } from './cli.ts';
import { repositoryFolder } from './cluster/git-server/git-server.ts';
import { clusterLayout, defaultClusterName } from './cluster/layout.ts';
import { clusterReference } from './cluster-reference.ts';
import { kubectlFor } from './gitops/kubectl.ts';
import { repoRoot } from './paths.ts';
import { rootFolder } from './root-folder.ts';

const help = `
Usage: npm run audit -- [--json] [--root DIR] [--name NAME | --context NAME] [ENVIRONMENT ...]

What there is in a cluster, against policies/ and against Git, as of the newest commit that Argo CD compared it with:
  policies  live objects that break a rule of "npm run check", by the parameters that their namespace has just now;
            what one object makes of itself is told once, of that one
  drift     fields that are not as in Git, objects that one of both has not, Applications that cannot be compared, and
            what somebody added to an object that an Application lists, by whose managedFields it is not Argo CD's
  unowned   objects that no Application lists, "npm start" did not apply, nothing that is there made and Git does not
            declare with quotes.check/outside-git; and what gives cluster-admin, whoever says to have made it
Nothing is changed. With names, only what is of those environments is told.

Passed over as known:
  drift     what controllers write into what Git has: a Deployment's revision and its replicas by an autoscaler, the
            volume of a claim, a namespace's own name, the caBundle of CloudNativePG's webhooks, and of Applications
            their operation, refresh and notifications; and what an Application's ignoreDifferences names
  unowned   all in kube-system, kube-public and kube-node-lease, and Nodes, Events, Leases, EndpointSlices and their
            like; the roles and bindings of kube-apiserver (its label, name and managers) and kubeadm (its names);
            APIServices, FlowSchemas and priorities of kube-apiserver alone; in each namespace ServiceAccount default
            and ConfigMap kube-root-ca.crt; claims named like a StatefulSet, and volumes of claims; Secret
            argocd-redis beside Applications; ConfigMap cnpg-default-monitoring beside a Cluster
A manager is what a client calls itself: who passes for a known one hides what that one may write, "quotes" an object
but not a gift of cluster-admin.

  --json          one object: {findings: [{kind: policy|drift|unowned, rule, severity, environment,
                  object: {kind, namespace, name}, message, fields?: [{path, cluster?, git?}]}], coverage}
  --root DIR      against the files of that checkout instead, whatever is committed (. is this one)
  --name NAME     the embedded cluster of that name (default: ${defaultClusterName})
  --context NAME  the cluster of that kubectl context

Values of Secrets, and what policies/ call a secret elsewhere, are not shown.
No colour into a pipe or with NO_COLOR; FORCE_COLOR asks for it.
Exit code: 0 no findings, 1 findings, 2 the cluster cannot be audited.
`;

const options = {
  json: { type: 'boolean' },
  root: { type: 'string' },
  name: { type: 'string' },
  context: { type: 'string' },
} as const;

await run({ help, options, positionals: true }, async ({ json, root, name, context }, environments) => {
  const kubectl = await kubectlFor(clusterReference({ name, context }));
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  const against = (folder: string, git: string) =>
    auditCluster(kubectl, folder, { git, environments, progress });
  const repositories = [repositoryFolder(clusterLayout(name ?? defaultClusterName)), repoRoot];
  const deployed =
    root === undefined ? await deployedCommit(await readApplications(kubectl), repositories) : undefined;
  const audit =
    deployed === undefined
      ? await against(rootFolder(root), rootFolder(root))
      : await withTreeAt(deployed.repository, deployed.commit, (folder) => against(folder, deployed.commit));
  process.stdout.write(
    `${json === true ? JSON.stringify(audit, null, 2) : terminalAudit(audit, styleText('bold', '.') !== '.')}\n`,
  );
  return audit.findings.length === 0 ? 0 : 1;
});

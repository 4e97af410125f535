import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { execa } from 'execa';
import { addresses, type ClusterLayout, clusterLayout } from '../scripts/cluster/layout.ts';
import { writeKubeconfig } from '../scripts/cluster/pki.ts';
import { ensureRunning, stopComponent, waitForComponent } from '../scripts/cluster/processes.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import { goTools } from '../scripts/tools/go.ts';
import { until } from '../scripts/until.ts';

/** Where the other cluster's API server listens: at 6443 the first one's answers for every address there. */
const other = '10.88.0.2';
const server = `https://${other}:443`;
const components = ['other-kube-apiserver', 'other-etcd'];

type Project = { spec: { destinations: { server: string; namespace: string }[] } };

/** What an Application with another cluster as its destination does, as docs/isolation.md has it. */
export function ownCluster(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  promise(
    'an Application deploys to the other cluster that it names, if its project names it too, and nothing to this one',
    async (t) => {
      const { cluster, kubectl } = rehearsal();
      const layout = clusterLayout(cluster);
      const folder = await mkdtemp(path.join(tmpdir(), 'quotes-other-'));
      t.after(async () => {
        const list = [
          'application/elsewhere',
          'application/astray',
          'appproject/elsewhere',
          'secret/elsewhere',
        ];
        await kubectl(['delete', '--namespace=argocd', '--ignore-not-found', ...list]);
        for (const component of components) {
          await stopComponent(layout, component);
        }
        await execa('ip', [
          '-n',
          layout.controlPlaneNamespace,
          'address',
          'delete',
          `${other}/24`,
          'dev',
          'br0',
        ]);
        await rm(folder, { recursive: true });
      });
      const there = await startOther(layout, folder);
      await kubectl.apply([await credentials(layout), ...(await applications(kubectl))]);
      const state = (name: string, jsonpath: string) =>
        kubectl.field('argocd', `application/${name}`, jsonpath);
      const seconds = await until('it to be deployed there', async () => {
        return (await state('elsewhere', '{.status.sync.status}')) === 'Synced';
      });
      t.diagnostic(`named → synced: ${seconds.toFixed(1)} s`);
      const uid = ['get', 'deployment/edge', '--namespace=dev', '--output=jsonpath={.metadata.uid}'];
      assert.notEqual(await there(uid), await kubectl(uid));
      assert.match(
        await there(['get', 'networkpolicies', '--namespace=dev', '--output=name']),
        /default-deny/,
      );
      const owner = '{.metadata.annotations.argocd\\.argoproj\\.io/tracking-id}';
      assert.match(await kubectl.field('dev', 'deployment/edge', owner), /^dev:/);
      await until('the one astray to be refused', async () => {
        return (await state('astray', '{.status.conditions[*].message}')).includes(
          'do not match any of the allowed',
        );
      });
    },
  );
}

/** Starts an etcd and an API server, which are all of a cluster that is only deployed to; its kubectl. */
async function startOther(layout: ClusterLayout, folder: string) {
  const bin = await goTools('cluster');
  const pki = (file: string) => path.join(layout.pki, file);
  const inside = [`--net=/run/netns/${layout.controlPlaneNamespace}`, '--'];
  await execa('ip', ['-n', layout.controlPlaneNamespace, 'address', 'add', `${other}/24`, 'dev', 'br0']);
  const start = (name: string, command: string[]) =>
    ensureRunning(layout, {
      name,
      owner: 'control-plane',
      namespace: layout.controlPlaneNamespace,
      command,
    });
  await start('other-etcd', [
    path.join(bin, 'etcd'),
    `--data-dir=${folder}`,
    '--listen-client-urls=http://127.0.0.1:2479',
    '--advertise-client-urls=http://127.0.0.1:2479',
    '--listen-peer-urls=http://127.0.0.1:2480',
    '--unsafe-no-fsync',
  ]);
  await start('other-kube-apiserver', [
    path.join(bin, 'kube-apiserver'),
    '--etcd-servers=http://127.0.0.1:2479',
    `--bind-address=${other}`,
    `--advertise-address=${other}`,
    '--secure-port=443',
    `--tls-cert-file=${pki('apiserver.crt')}`,
    `--tls-private-key-file=${pki('apiserver.key')}`,
    `--client-ca-file=${pki('ca.crt')}`,
    `--service-account-key-file=${pki('service-account.pub')}`,
    `--service-account-signing-key-file=${pki('service-account.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-cluster-ip-range=${addresses.serviceSubnet}`,
    '--authorization-mode=RBAC',
  ]);
  const kubeconfig = path.join(folder, 'kubeconfig');
  await writeKubeconfig(layout, 'admin', server, kubeconfig);
  const kubectl = async (args: string[]): Promise<string> => {
    const bound = [path.join(bin, 'kubectl'), `--kubeconfig=${kubeconfig}`, '--tls-server-name=kubernetes'];
    return (await execa('nsenter', [...inside, ...bound, ...args])).stdout;
  };
  await waitForComponent(layout, 'other-kube-apiserver', () =>
    kubectl(['get', '--raw', '/readyz']).then(
      () => true,
      () => false,
    ),
  );
  assert.doesNotMatch(await kubectl(['get', 'namespaces', '--output=name']), /namespace\/dev/);
  return kubectl;
}

/** By which Argo CD knows the cluster. */
async function credentials(layout: ClusterLayout): Promise<object> {
  const data = async (file: string) => (await readFile(path.join(layout.pki, file))).toString('base64');
  const tlsClientConfig = {
    serverName: 'kubernetes',
    caData: await data('ca.crt'),
    certData: await data('admin.crt'),
    keyData: await data('admin.key'),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'elsewhere',
      namespace: 'argocd',
      labels: { 'argocd.argoproj.io/secret-type': 'cluster' },
    },
    stringData: { name: 'elsewhere', server, config: JSON.stringify({ tlsClientConfig }) },
  };
}

/** dev's project and Application with the other cluster as their destination, and one whose project does not say it. */
async function applications(kubectl: Rehearsal['kubectl']): Promise<object[]> {
  const get = async <T>(object: string) => {
    const found = await kubectl.json<T>(['get', object, '--namespace=argocd']);
    assert.ok(found !== undefined, object);
    return found;
  };
  const project = await get<Project>('appproject/dev');
  const { spec } = await get<{ spec: object }>('application/dev');
  const make = (kind: string, name: string, what: object) => ({
    apiVersion: 'argoproj.io/v1alpha1',
    kind,
    metadata: { name, namespace: 'argocd' },
    spec: what,
  });
  const destination = { server, namespace: 'dev' };
  return [
    make('AppProject', 'elsewhere', { ...project.spec, destinations: [destination] }),
    make('Application', 'elsewhere', { ...spec, project: 'elsewhere', destination }),
    make('Application', 'astray', { ...spec, project: 'dev', destination }),
  ];
}

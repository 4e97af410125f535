import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { clusterLayout } from '../scripts/cluster/layout.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import { until } from '../scripts/until.ts';

/** An entry of the API server's audit log, as far as it is looked at. */
type Entry = {
  verb: string;
  user: { username: string };
  objectRef?: { resource: string; name: string };
  requestObject?: object;
};

/** What the embedded cluster does beyond what a promise of GitOps asks for. */
export function hardening(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  promise('a Secret lies encrypted in etcd, where a ConfigMap lies in plain', async () => {
    const { kubectl, cluster } = rehearsal();
    const [secret, plain] = ['a-password-in-etcd-2b7f', 'a-setting-in-etcd-9c1e'];
    await kubectl(['create', 'secret', 'generic', 'at-rest', `--from-literal=a=${secret}`]);
    await kubectl(['create', 'configmap', 'at-rest', `--from-literal=a=${plain}`]);
    try {
      const holds = async (text: string) => (await etcdFiles(cluster)).some((file) => file.includes(text));
      await until('the ConfigMap in a file', () => holds(plain));
      assert.equal(await holds(secret), false);
      assert.equal(await holds(Buffer.from(secret).toString('base64')), false);
      const read = await kubectl(['get', 'secret', 'at-rest', '--output=jsonpath={.data.a}']);
      assert.equal(Buffer.from(read, 'base64').toString(), secret);
    } finally {
      await kubectl(['delete', 'secret/at-rest', 'configmap/at-rest']);
    }
  });

  promise(
    'the audit log says who changed what, and of a Secret that it was read and not what it says',
    async () => {
      const { kubectl, cluster } = rehearsal();
      const secret = 'a-password-in-the-log-71d0';
      await kubectl(['create', 'secret', 'generic', 'audited', `--from-literal=a=${secret}`]);
      await kubectl(['get', 'secret', 'audited']);
      await kubectl(['create', 'configmap', 'audited', '--from-literal=a=b']);
      await kubectl(['delete', 'secret/audited', 'configmap/audited']);
      const file = path.join(clusterLayout(cluster).logs, 'audit.log');
      let log = '';
      const of = (resource: string, verb: string) =>
        log
          .split('\n')
          .filter((line) => line.includes('"audited"'))
          .map((line) => JSON.parse(line) as Entry)
          .find((entry) => entry.verb === verb && entry.objectRef?.resource === resource);
      await until('the last of it written down', async () => {
        log = await readFile(file, 'utf8');
        return of('configmaps', 'delete') !== undefined;
      });
      assert.equal(of('configmaps', 'create')?.user.username, 'admin');
      assert.ok(of('configmaps', 'create')?.requestObject);
      assert.ok(of('secrets', 'get'));
      assert.equal(of('secrets', 'create')?.requestObject, undefined);
      assert.ok(!log.includes(secret) && !log.includes(Buffer.from(secret).toString('base64')));
    },
  );
}

/** What etcd has on the disk: its database and its log of what is not in there yet. */
async function etcdFiles(cluster: string): Promise<Buffer[]> {
  const folder = path.join(clusterLayout(cluster).state, 'etcd', 'member');
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const plain = files.filter((file) => file.isFile());
  return Promise.all(plain.map((file) => readFile(path.join(file.parentPath, file.name))));
}

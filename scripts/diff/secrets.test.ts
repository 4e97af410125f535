import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import type { JsonMap } from '../check/model.ts';
import { repoRoot } from '../paths.ts';
import { fieldChanges, pathText } from './fields.ts';
import { Concealer, passwordInUrl, saysWhere, secretName, shownValue } from './secrets.ts';

test('a secret is what the policies call one', async () => {
  for (const rule of ['secret-in-env', 'secret-in-config-map']) {
    const policy = await readFile(path.join(repoRoot, 'policies', rule, 'policy.yaml'), 'utf8');
    for (const pattern of [secretName, saysWhere, passwordInUrl.replaceAll('\\', '\\\\')]) {
      assert.ok(policy.includes(pattern), `${rule} has another pattern than ${pattern}`);
    }
  }
});

/** The changes as a reader sees them, with everything that is kept of both sides. */
function told(was: JsonMap, is: JsonMap): string[] {
  const concealer = new Concealer();
  return fieldChanges(concealer.conceal(was), concealer.conceal(is)).map((change) => {
    const said = [change.was, change.is].map((value, index) =>
      value === undefined ? '-' : JSON.stringify(shownValue(value, index === 1 && change.was !== undefined)),
    );
    return `${pathText(change.path)}: ${said.join(' → ')}`;
  });
}

test("a Secret's values are never shown, and that they changed is", () => {
  const secret = (password: string): JsonMap => ({
    kind: 'Secret',
    type: 'Opaque',
    data: { password, same: 'c2FtZQ==', number: 5 },
    stringData: { text: `${password}x` },
    metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': `{"p":"${password}"}` } },
  });
  assert.deepEqual(told(secret('b25l'), secret('dHdv')), [
    'data.password: "(not shown)" → "(changed, not shown)"',
    'stringData.text: "(not shown)" → "(changed, not shown)"',
    'metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]: "(not shown)" → "(changed, not shown)"',
  ]);
});

test('nor is a variable, key, flag, field or URL that holds one, also where it comes with what is around it', () => {
  const deployment = (value: string): JsonMap => ({
    kind: 'Deployment',
    spec: {
      env: [
        { name: 'DB_PASSWORD', value },
        { name: 'DB_PASSWORD_FILE', value: `/run/${value}` },
        { name: 'DATABASE_URL', value: `postgres://quotes:${value}@host/x` },
      ],
      args: [`--api-token=${value}`, `--token-file=/run/${value}`],
      connection: { password: value, secretName: value },
    },
  });
  assert.deepEqual(told(deployment('one'), deployment('two')), [
    'spec.env[DB_PASSWORD].value: "(not shown)" → "(changed, not shown)"',
    'spec.env[DB_PASSWORD_FILE].value: "/run/one" → "/run/two"',
    'spec.env[DATABASE_URL].value: "(not shown)" → "(changed, not shown)"',
    'spec.args[0]: "(not shown)" → "(changed, not shown)"',
    'spec.args[1]: "--token-file=/run/one" → "--token-file=/run/two"',
    'spec.connection.password: "(not shown)" → "(changed, not shown)"',
    'spec.connection.secretName: "one" → "two"',
  ]);
  assert.doesNotMatch(
    told({ kind: 'Deployment' }, deployment('t0psecret')).join(),
    /(?<!\/run\/|secretName":")t0psecret/,
  );
  const config = (value: string): JsonMap => ({
    kind: 'ConfigMap',
    data: { 'api-key': value, 'settings.ini': `a\nurl=amqp://me:${value}@host\n`, plain: value },
    binaryData: { blob: Buffer.from(`-----BEGIN RSA PRIVATE KEY-----${value}---`).toString('base64') },
  });
  assert.deepEqual(told(config('one'), config('two')), [
    'data.api-key: "(not shown)" → "(changed, not shown)"',
    'data["settings.ini"]: "(not shown)" → "(changed, not shown)"',
    'data.plain: "one" → "two"',
    'binaryData.blob: "(not shown)" → "(changed, not shown)"',
  ]);
});

test('what a server says of an object is shown without its secrets, encoded or not', () => {
  const concealer = new Concealer();
  concealer.conceal({ kind: 'Secret', data: { password: 'aHVudGVyMg==' } });
  assert.equal(
    concealer.scrub('Invalid value: "hunter2" (aHVudGVyMg==): field is immutable'),
    'Invalid value: "(not shown)" ((not shown)): field is immutable',
  );
});

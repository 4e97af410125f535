import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';

/** A command that prints a megabyte and ends with 1. */
const talkative = [
  `import { run } from '${path.join(import.meta.dirname, 'cli.ts')}';`,
  "await run({ help: '', options: {} }, async () => { process.stdout.write('x'.repeat(1_000_000)); return 1; });",
].join('\n');
const evaluated = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', talkative];

test('all that a command prints reaches a pipe before it ends', async () => {
  const { stdout, exitCode } = await execa(process.execPath, evaluated, { reject: false });
  assert.equal(stdout.length, 1_000_000);
  assert.equal(exitCode, 1);
});

/** The command in a shell, as $NODE; what it says there, and the exit code of the whole. */
async function inShell(script: string) {
  const env = { NODE: process.execPath, PROGRAM: talkative };
  const { stdout, stderr, exitCode } = await execa('sh', ['-c', script], { env, reject: false });
  return { stdout, stderr, exitCode };
}

test('a reader that has read enough is no error', async () => {
  const heard = await inShell(
    '{ "$NODE" --disable-warning=ExperimentalWarning --input-type=module --eval "$PROGRAM"; echo "ended with $?" >&2; } | head -c 10',
  );
  assert.deepEqual(heard, { stdout: 'xxxxxxxxxx', stderr: 'ended with 1', exitCode: 0 });
});

test('output that cannot be written is no verdict', async () => {
  const { stderr, exitCode } = await inShell(
    '"$NODE" --disable-warning=ExperimentalWarning --input-type=module --eval "$PROGRAM" > /dev/full',
  );
  assert.match(stderr, /^standard output cannot be written \(ENOSPC\)/);
  assert.equal(exitCode, 2);
});

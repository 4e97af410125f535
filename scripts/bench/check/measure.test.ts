import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { CannotRun } from '../../cli.ts';
import { type Measurement, measure } from './measure.ts';

async function measureScripts(t: TestContext, ...scripts: string[]): Promise<Measurement> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-measure-test-'));
  t.after(() => rm(scratch, { recursive: true }));
  return measure(
    scripts.map((script, index) => ({
      program: process.execPath,
      args: ['--eval', script],
      output: path.join(scratch, String(index)),
    })),
  );
}

/** Holds 150 MiB for a moment. */
const hold = 'const held = Buffer.alloc(150 * 2 ** 20, 1); setTimeout(() => held, 300);';
const idle = 'setTimeout(() => {}, 300);';

test('the memory of what a program starts is counted with its own', async (t) => {
  const startsOne = `require('node:child_process').spawn(process.execPath, ['--eval', ${JSON.stringify(hold)}]);`;
  const alone = await measureScripts(t, idle);
  const together = await measureScripts(t, `${startsOne} ${hold}`);
  assert.ok(together.bytes - alone.bytes > 300 * 2 ** 20, `${alone.bytes} and ${together.bytes}`);
});

test('the memory of programs that run one after another is that of the larger, their time the sum', async (t) => {
  const one = await measureScripts(t, hold);
  const two = await measureScripts(t, hold, idle);
  assert.ok(two.bytes < one.bytes + 50 * 2 ** 20, `${one.bytes} and ${two.bytes}`);
  assert.ok(two.seconds > 0.6);
});

test('a program that ends with neither 0 nor 1 is no measurement, and its last words are told', async (t) => {
  await assert.rejects(
    measureScripts(t, "console.error('cannot judge'); process.exitCode = 2;"),
    (error: Error) => error instanceof CannotRun && /exit code 2.*\ncannot judge/s.test(error.message),
  );
});

test('what a program writes is in its file', async (t) => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-measure-test-'));
  t.after(() => rm(scratch, { recursive: true }));
  const output = path.join(scratch, 'output');
  await measure([{ program: process.execPath, args: ['--eval', "console.log('verdict')"], output }]);
  assert.equal(await readFile(output, 'utf8'), 'verdict\n');
});

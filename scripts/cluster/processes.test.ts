import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { kill } from './processes.ts';

test('a process that has ended since it was listed is passed over, one that may not be signalled is not', async (t) => {
  const ended = spawn('true');
  await once(ended, 'exit');
  kill(ended.pid ?? assert.fail(), 'SIGCONT');

  t.mock.method(process, 'kill', () => {
    throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
  });
  assert.throws(() => kill(process.pid, 'SIGCONT'), /EPERM/);
});

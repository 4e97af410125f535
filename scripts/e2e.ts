import { spawnSync } from 'node:child_process';
import { run } from './cli.ts';
import { repoRoot } from './paths.ts';

const help = `
Usage: npm run e2e

Starts a cluster named "e2e" from nothing, holds it to the promises of the README, and takes it away again.
Exit code: 0 all hold, 1 one does not, 2 cannot run.
`;

await run({ help, options: {} }, async () => {
  const result = spawnSync(process.execPath, ['--test', '--test-concurrency=1', 'test/*.e2e.ts'], {
    cwd: repoRoot,
    stdio: 'inherit',
  });
  return result.status === 0 ? 0 : 1;
});

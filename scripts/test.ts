import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { CannotRun, run } from './cli.ts';
import { repoRoot } from './paths.ts';
import { installPackages, missingPrerequisites } from './prerequisites.ts';

const help = `
Usage: npm test

Lint, then unit and integration tests: a real Postgres, a real kustomize. Installs what they need.
Exit code: 0 all passed, 1 something failed, 2 cannot run.
`;

const testPackages = {
  iproute2: 'makes the network namespaces that NetworkPolicies are tested between',
  nftables: 'holds them to the NetworkPolicies',
  haproxy: 'is the edge the service is tested behind',
  postgresql: 'is the database the service is tested against',
};

await run({ help, options: {} }, async () => {
  const lacking = (await missingPrerequisites()).filter((line) => /^(Linux|root|Debian|Go)/.test(line));
  if (lacking.length > 0) {
    throw new CannotRun(`The tests need:\n${lacking.map((line) => `- ${line}`).join('\n')}`);
  }
  await installPackages(testPackages, () => {});
  const node = (...args: string[]) =>
    spawnSync(process.execPath, args, { cwd: repoRoot, stdio: 'inherit' }).status === 0;
  const linted = node(path.join(repoRoot, 'scripts/lint.ts'));
  // Two at once, of which one mostly waits for kustomize, Go or git; but the service's tests have deadlines of their own.
  const tested = node('--test', '--test-concurrency=2', 'scripts/**/*.test.ts');
  const served = node('--test', '--test-concurrency=1', 'service/**/*.test.ts');
  return linted && tested && served ? 0 : 1;
});

import { execa } from 'execa';
import { run } from './cli.ts';
import { repoRoot } from './paths.ts';

const help = `
Usage: npm run lint

Format and lint (biome), types (tsc), dead code (knip).
Exit code: 0 nothing to say, 1 something is to be mended, 2 a tool cannot run.
`;

const tools = [['biome', 'check', '--error-on-warnings', '.'], ['tsc'], ['knip', '--no-progress']];

await run({ help, options: {} }, async () => {
  let findings = 0;
  for (const [tool = '', ...args] of tools) {
    const started = Date.now();
    const result = await execa(tool, args, { cwd: repoRoot, preferLocal: true, all: true, reject: false });
    if (result.code === 'ENOENT') {
      process.stderr.write(`${tool} is not installed: delete node_modules and run this again.\n`);
      return 2;
    }
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${result.failed ? '✗' : '✓'} ${tool} ${seconds} s\n`);
    if (result.failed) {
      findings += 1;
      process.stdout.write(`${result.all}\n`);
    }
  }
  return findings === 0 ? 0 : 1;
});

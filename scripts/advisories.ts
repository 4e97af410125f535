import path from 'node:path';
import { advisoriesFile, readAccepted } from './advisories/exemptions.ts';
import { goAdvisories } from './advisories/go.ts';
import { judge } from './advisories/judge.ts';
import type { Answer } from './advisories/model.ts';
import { npmAdvisories } from './advisories/npm.ts';
import { CannotRun, run } from './cli.ts';
import { repoRoot } from './paths.ts';

const help = `
Usage: npm run advisories -- [--root FOLDER] [--go-database URL] [--json]

Asks npm and Go whether anything that package-lock.json has, or that a program of scripts/tools imports, is known to be
vulnerable, and holds the answers against ${advisoriesFile}: what is accepted there, by whom, why and until when.

  --root FOLDER      another checkout, judged by this one's program
  --go-database URL  in place of https://vuln.go.dev; npm asks the registry that it is configured for
  --json             {"findings", "unreachable"} instead of text

Exit code: 0 nothing to mend; 1 an advisory that nobody accepted, or an entry that is over or not needed; 2 a database
cannot be reached, so that nothing is known of what it would say.
`;

await run(
  {
    help,
    options: {
      root: { type: 'string' },
      'go-database': { type: 'string' },
      json: { type: 'boolean' },
    },
  },
  async ({ root = repoRoot, 'go-database': goDatabase, json = false }) => {
    const folder = path.resolve(root);
    const accepted = await readAccepted(folder);
    const answers = await Promise.all([npmAdvisories(folder), goAdvisories(folder, goDatabase)]);
    const findings = judge(answers, accepted, new Date());
    const unreachable = answers.flatMap((answer) => ('unreachable' in answer ? [sentence(answer)] : []));
    if (json) {
      process.stdout.write(`${JSON.stringify({ findings, unreachable })}\n`);
    } else {
      for (const { kind, file, line, message } of findings) {
        process.stdout.write(`${file}${line === undefined ? '' : `:${line}`}  ${kind}  ${message}\n`);
      }
      process.stdout.write(
        findings.length === 0 && unreachable.length === 0 ? 'Nothing is known of what is pinned here.\n' : '',
      );
    }
    if (unreachable.length > 0) {
      throw new CannotRun(unreachable.join('\n'));
    }
    return findings.length === 0 ? 0 : 1;
  },
);

function sentence({ ecosystem, unreachable }: Answer & { unreachable: string }): string {
  return `Cannot reach the advisory database of ${ecosystem}: ${unreachable}. Run it where the network lets it through.`;
}

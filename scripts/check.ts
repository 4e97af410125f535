import { stripVTControlCharacters } from 'node:util';
import { check } from './check/check.ts';
import { terminalReport } from './check/report.ts';
import { run } from './cli.ts';
import { repoRoot } from './paths.ts';

const help = `
Usage: npm run check -- [--json] [PATH ...]

Renders every overlay, apps/ and argocd/ with kustomize, validates each object strictly against the schemas of the
Kubernetes and Argo CD that are pinned, and holds them to policies/. With paths, only those: folders with a
kustomization.yaml, or YAML files with manifests.

  --json  {findings: [{rule, severity, environment, object, file, line?, message}], coverage} instead of text

Exit code: 0 no findings, 1 findings, 2 the check cannot run.
`;

await run({ help, options: { json: { type: 'boolean' } }, positionals: true }, async ({ json }, paths) => {
  const { report, rules } = await check(repoRoot, paths, (line) => process.stderr.write(`${line}\n`));
  const colours = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  const text = json === true ? JSON.stringify(report, null, 2) : terminalReport(report, rules);
  process.stdout.write(`${colours ? text : stripVTControlCharacters(text)}\n`);
  return report.findings.length === 0 ? 0 : 1;
});

import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { styleText } from 'node:util';
import { type CatalogueEntry, catalogue } from './check/catalogue.ts';
import { check } from './check/check.ts';
import { type FormatName, formats } from './check/formats/formats.ts';
import { disarmed, github } from './check/formats/github.ts';
import { type Judged, onlyWarns, sourceLines } from './check/formats/judged.ts';
import { terminal } from './check/formats/terminal.ts';
import { writeGenerated } from './check/generated.ts';
import { formatAsked, outputNamed, writeWhole } from './check/outputs.ts';
import { rulesDocument } from './check/rule-docs.ts';
import { ruleNamed, rulePage, ruleTable } from './check/rule-pages.ts';
import { since } from './check/since.ts';
import { CannotRun, run } from './cli.ts';
import { impactsDocument } from './diff/impact-docs.ts';
import { rootFolder } from './root-folder.ts';

const help = `
Usage: npm run check -- [--root DIR] [--since REVISION] [--message FILE] [--strict] [--rule RULE ...] [--without RULE ...] [--format NAME | --json] [--output NAME=FILE ...] [PATH ...]
       npm run check -- [--root DIR] [--json] --list | --explain RULE
       npm run check -- [--root DIR] --write

Renders every overlay, apps/, argocd/ and policies/ with kustomize, validates each object strictly against the schemas
of the Kubernetes and Argo CD that are pinned, and holds them to policies/. With paths, only those: folders with a
kustomization.yaml, or YAML files with manifests.

  --format NAME       what goes to standard output:
                        terminal  for a reader (default; in GitHub Actions followed by github)
                        json      {findings: [{rule, severity, environment, object, file, line?, column?, message}],
                                  coverage}
                        sarif     SARIF 2.1.0, for code scanning
                        junit     JUnit XML, a suite per environment
                        github    workflow commands, which GitHub shows beside the lines
                        markdown  a comment on a pull request
  --json              the same as --format json
  --output NAME=FILE  writes that format into a file besides; can be given several times
  --root DIR          checks that checkout, by its policies, with this one's program (default: this one)
  --rule RULE         holds them to that rule alone; can be given several times
  --without RULE      holds them to all but that rule; can be given several times
  --since REVISION    only what came after that commit: the findings there are counted and left out
  --message FILE      the message of the commit that this is about to be: what it acknowledges counts
  --strict            warnings end with 1 too
  --list              every rule: its group, its severity, who holds it, and why
  --explain RULE      a rule's why and fix, what keeps it and what breaks it, and where it is defined
  --write             writes ${rulesDocument} and ${impactsDocument}, policies/exempted/ from policies/exemptions.yaml
                      and environments.yaml, and apps/frozen/ from policies/freezes.yaml

Paths are relative to the current directory, which npm makes the repository, and with --root must lie in it; files in a
report are relative to the root.
No colour into a pipe or with NO_COLOR; FORCE_COLOR asks for it.
A warning is what the cluster lets through with one: what breaks a policy in an environment that policies/environments.yaml
names in quotes.check/warned, and a kind that is announced to go.
Exit code: 0 no findings, or warnings alone; 1 findings; 2 the check cannot run.
`;

const options = {
  format: { type: 'string' },
  json: { type: 'boolean' },
  output: { type: 'string', multiple: true },
  root: { type: 'string' },
  since: { type: 'string' },
  message: { type: 'string' },
  strict: { type: 'boolean' },
  rule: { type: 'string', multiple: true },
  without: { type: 'string', multiple: true },
  list: { type: 'boolean' },
  explain: { type: 'string' },
  write: { type: 'boolean' },
} as const;

/** Node's own rule: a terminal that can, NO_COLOR, FORCE_COLOR. */
const colours = styleText('bold', '.') !== '.';
const progress = (line: string) => process.stderr.write(`${line}\n`);

await run({ help, options, positionals: true }, async (given, paths) => {
  const format = formatAsked(formats, given.format, given.json === true);
  const outputs = (given.output ?? []).map((text) => outputNamed(formats, text, 'sarif=check.sarif'));
  const root = rootFolder(given.root);
  const asked = [given.list, given.explain, given.write].filter((value) => value !== undefined);
  if (asked.length > 0) {
    if (asked.length > 1 || paths.length > 0 || outputs.length > 0) {
      throw new CannotRun('--list, --explain and --write each stand alone: see --help.');
    }
    print(
      given.write === true
        ? (await writeGenerated(root, progress)).map((file) => `${file}\n`).join('')
        : rulesText(await catalogue(root, progress), given.explain, format ?? 'terminal'),
    );
    return 0;
  }
  if (given.root !== undefined) {
    assertInside(root, given.root, paths);
  }
  const choice = {
    ...(given.rule !== undefined && { rule: given.rule }),
    ...(given.without !== undefined && { without: given.without }),
  };
  const change = {
    ...(given.since !== undefined && { since: given.since }),
    ...(given.message !== undefined && { message: messageFile(given.message) }),
  };
  const { report: all, rules } = await check(root, paths, progress, choice, change);
  const report =
    given.since === undefined ? all : await since(root, given.since, paths, all, progress, choice);
  const judged = { report, rules, sourceLine: sourceLines(root) };
  for (const output of outputs) {
    await writeWhole(output.file, lineEnded(formats[output.format](judged)));
  }
  print(standardOutput(judged, format));
  return report.findings.length === 0 || (onlyWarns(report) && given.strict !== true) ? 0 : 1;
});

/** @throws {CannotRun} when it is not there: nothing would be accepted, and nobody would know why */
function messageFile(given: string): string {
  if (statSync(given, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new CannotRun(`--message ${given}: there is no such file. Give the one with the commit's message.`);
  }
  return given;
}

/** Paths of another checkout than the one that is asked about would be judged by policies that are not theirs. */
function assertInside(root: string, named: string, paths: string[]): void {
  const real = realpathSync(root);
  const outside = paths.find((given) => {
    const at = path.resolve(given);
    const there = existsSync(at) ? realpathSync(at) : at;
    return ![root, real].some((folder) => `${there}${path.sep}`.startsWith(`${folder}${path.sep}`));
  });
  if (outside !== undefined) {
    throw new CannotRun(
      `${path.resolve(outside)} is not in --root ${named}: paths are relative to the current directory. ` +
        `Give ${path.join(named, path.isAbsolute(outside) ? 'PATH' : outside)}.`,
    );
  }
}

function rulesText(entries: CatalogueEntry[], explained: string | undefined, format: FormatName): string {
  const subject = explained === undefined ? entries : ruleNamed(entries, explained);
  if (format === 'json') {
    return JSON.stringify(subject, null, 2);
  }
  if (format !== 'terminal') {
    throw new CannotRun(`--list and --explain know the formats terminal and json, not ${format}.`);
  }
  return Array.isArray(subject)
    ? ruleTable(subject, colours, process.stdout.columns ?? Number.POSITIVE_INFINITY)
    : rulePage(subject, colours);
}

function standardOutput(judged: Judged, format: FormatName | undefined): string {
  const inActions = process.env.GITHUB_ACTIONS === 'true';
  if (format === undefined && inActions) {
    return `${disarmed(terminal(judged, colours))}\n${github(judged)}`;
  }
  return format === undefined || format === 'terminal' ? terminal(judged, colours) : formats[format](judged);
}

function print(text: string): void {
  process.stdout.write(lineEnded(text));
}

function lineEnded(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

import { statSync } from 'node:fs';
import path from 'node:path';
import { styleText } from 'node:util';
import { disarmed } from './check/formats/github.ts';
import { formatAsked, outputNamed, writeWhole } from './check/outputs.ts';
import { CannotRun, run } from './cli.ts';
import { defaultClusterName } from './cluster/layout.ts';
import { clusterReference } from './cluster-reference.ts';
import { difference } from './diff/difference.ts';
import { markdownDifference } from './diff/formats/markdown.ts';
import { terminalDifference } from './diff/formats/terminal.ts';
import { impactsDocument } from './diff/impact-docs.ts';
import { liveDifference } from './diff/live/live.ts';
import type { Difference } from './diff/model.ts';
import { kubectlFor } from './gitops/kubectl.ts';
import { repoRoot } from './paths.ts';

const help = `
Usage: npm run diff -- [--root DIR] [--message FILE] [--format NAME | --json] [--output NAME=FILE ...] [REF]
       npm run diff -- --live [--name NAME | --context NAME] [--root DIR] [--format NAME | --json] [--output NAME=FILE ...]

What the working tree changes in each environment, in apps/, in what installs Argo CD and operators, and in policies/:
object by object, field by field, with what each change does where it is deployed (${impactsDocument}). It is compared
with the commit that REF names, by default the one where it left the default branch. Nothing of a cluster is needed.

  --format NAME       what goes to standard output:
                        terminal  for a reader (default)
                        json      {from, to, impact, parts: [{name, environment, state, impact, objects: [{key, state,
                                  impact, acknowledged, fields: [{path, was?, is?, impact, rule}], notes}]}],
                                  unacknowledged}
                        markdown  a comment on a pull request
  --json              the same as --format json
  --output NAME=FILE  writes that format into a file besides; can be given several times
  --root DIR          compares the files of that checkout, with this one's program (default: this one)
  --message FILE      the message of the commit that this is about to be: what it acknowledges counts
  --live              compares with the cluster instead of a commit: with what its API server would make of the
                      environments' objects (a server-side dry run). Nothing is changed
  --name NAME         with --live: the embedded cluster of that name (default: ${defaultClusterName})
  --context NAME      with --live: the cluster of that kubectl context

Values of Secrets, and what policies/ call a secret elsewhere, are shown in no format.
What would be refused (immutable) or loses data (data) is to be acknowledged by a commit that came after REF, or after
what the cluster runs:
Acknowledge-Impact: KIND/NAME in NAMESPACE: WHY
No colour into a pipe or with NO_COLOR; FORCE_COLOR asks for it.
Exit code: 0 nothing of that is unacknowledged, 1 something is, 2 cannot run: a side that does not render, too.
`;

const options = {
  format: { type: 'string' },
  json: { type: 'boolean' },
  output: { type: 'string', multiple: true },
  root: { type: 'string' },
  message: { type: 'string' },
  live: { type: 'boolean' },
  name: { type: 'string' },
  context: { type: 'string' },
} as const;

/** Node's own rule: a terminal that can, NO_COLOR, FORCE_COLOR. */
const colours = styleText('bold', '.') !== '.';

const formats = {
  terminal: (found: Difference) => terminalDifference(found, false),
  json: (found: Difference) => JSON.stringify(found, null, 2),
  markdown: markdownDifference,
};

await run({ help, options, positionals: true }, async (given, [ref, ...more]) => {
  const format = formatAsked(formats, given.format, given.json === true) ?? 'terminal';
  const outputs = (given.output ?? []).map((text) => outputNamed(formats, text, 'markdown=diff.md'));
  const root = existing('--root', given.root ?? repoRoot, 'Give a checkout of the repository.', true);
  const message =
    given.message && existing('--message', given.message, "Give the file with the commit's message.");
  if (more.length > 0) {
    throw new CannotRun(`one REF is compared with, and "${more[0]}" is another: see --help.`);
  }
  if (given.live !== true && (given.name !== undefined || given.context !== undefined)) {
    throw new CannotRun('--name and --context say which cluster --live compares with: give that too.');
  }
  if (given.live === true && (ref !== undefined || message !== undefined)) {
    throw new CannotRun('--live compares with the cluster: leave REF and --message away.');
  }
  const progress = (line: string) => process.stderr.write(`${line}\n`);
  const found =
    given.live === true
      ? await liveDifference(root, await kubectlFor(clusterReference(given)), progress)
      : await difference(
          root,
          { ...(ref !== undefined && { from: { commit: ref } }), ...(message !== undefined && { message }) },
          progress,
        );
  for (const output of outputs) {
    await writeWhole(output.file, `${formats[output.format](found)}\n`);
  }
  process.stdout.write(`${standardOutput(found, format)}\n`);
  return found.unacknowledged.length === 0 ? 0 : 1;
});

function standardOutput(found: Difference, format: keyof typeof formats): string {
  if (format !== 'terminal') {
    return formats[format](found);
  }
  const text = terminalDifference(found, colours);
  return process.env.GITHUB_ACTIONS === 'true' ? disarmed(text) : text;
}

function existing(option: string, given: string, next: string, isFolder = false): string {
  const found = statSync(given, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory() !== isFolder) {
    throw new CannotRun(`${option} ${given}: there is no such ${isFolder ? 'folder' : 'file'}. ${next}`);
  }
  return path.resolve(given);
}

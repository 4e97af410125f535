import { realpathSync } from 'node:fs';
import { styleText } from 'node:util';
import { CannotRun, run } from './cli.ts';
import { markdown } from './parity/markdown.ts';
import type { Parity } from './parity/model.ts';
import { parity } from './parity/parity.ts';
import { terminal } from './parity/terminal.ts';
import { rootFolder } from './root-folder.ts';

const help = `
Usage: npm run environments -- [--format terminal|json|markdown | --json] [--root DIR] [ENVIRONMENT ENVIRONMENT...]

What differs between the environments, or between those that are named, object by object and field by field, as their
overlays render, and whether a file of the overlays says so.

  --format FORMAT  terminal  a table (default)
                   json      {environments, objects, differences: [{object, path, standings, intended}]}; standings has
                             for each environment its value, the place that it comes from, and whether the overlay
                             says it. The path '' is the object itself
                   markdown  a comment on a pull request
  --json           the same as --format json
  --root DIR       compares the environments of that checkout (default: this one)

Below a value is the line of its overlay that says it: the value itself, or the component or base that it comes from.
What no overlay explains is marked: a value that all overlays have from the same files, and that is not the same.
Objects are the same one by group, kind and name, without the environment's name, a prefix or suffix of its overlay,
or the hash of a generated name. Namespaces are each environment's own. A Secret's values are not shown.

No colour into a pipe or with NO_COLOR; FORCE_COLOR asks for it.
Exit code: 0 the overlays explain every difference, 1 one they do not, 2 it cannot be compared.
`;

const formats: Record<string, (found: Parity) => string> = {
  terminal: (found) => terminal(found, styleText('bold', '.') !== '.', process.stdout.columns ?? 120),
  json: (found) => JSON.stringify(found, null, 2),
  markdown,
};

await run(
  {
    help,
    options: { format: { type: 'string' }, json: { type: 'boolean' }, root: { type: 'string' } },
    positionals: true,
  },
  async ({ format, json, root }, names) => {
    const print = formatNamed(format, json === true);
    const found = await parity(realpathSync(rootFolder(root)), names, (line) =>
      process.stderr.write(`${line}\n`),
    );
    process.stdout.write(`${print(found)}\n`);
    return found.differences.every(({ intended }) => intended) ? 0 : 1;
  },
);

function formatNamed(format: string | undefined, json: boolean): (found: Parity) => string {
  if (json && format !== undefined && format !== 'json') {
    throw new CannotRun(`--json is --format json: leave one of --json and --format ${format} away.`);
  }
  const name = json ? 'json' : (format ?? 'terminal');
  const found = Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (found === undefined) {
    throw new CannotRun(`there is no format "${name}": take one of ${Object.keys(formats).join(', ')}.`);
  }
  return found;
}

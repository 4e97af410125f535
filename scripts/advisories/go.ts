import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from '../program.ts';
import { goTools } from '../tools/go.ts';
import type { Advisory, Answer } from './model.ts';

/** One of the objects that `govulncheck -format json` writes, as far as they are read. */
type Message = {
  osv?: { id: string; summary?: string; database_specific?: { url?: string } };
  finding?: {
    osv: string;
    fixed_version?: string;
    /** Its first frame has a package only where a program imports that. */
    trace: { module: string; version?: string; package?: string }[];
  };
};

/**
 * Asks Go's database about what the programs of scripts/tools import, and Go itself.
 * @param database in place of https://vuln.go.dev
 */
export async function goAdvisories(root: string, database: string | undefined): Promise<Answer> {
  const from = database === undefined ? [] : ['-db', database];
  const found = new Map<string, Advisory>();
  for (const file of await moduleFiles(root)) {
    const cwd = path.dirname(path.join(root, file));
    const packages = await programsOf(cwd);
    if (packages.length === 0) {
      continue;
    }
    const govulncheck = path.join(await goTools('govulncheck'), 'govulncheck');
    const { stdout, stderr, failed } = await runProgram(
      govulncheck,
      [...from, '-format', 'json', '-scan', 'package', ...packages],
      {
        cwd,
        env: { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' },
        stdin: 'ignore',
        reject: false,
      },
    );
    if (failed) {
      return { ecosystem: 'go', unreachable: `${file}: ${stderr.trim().split('\n').at(-1)}` };
    }
    for (const advisory of govulncheckAdvisories(stdout, file)) {
      const key = `${advisory.id} ${advisory.package}`;
      const files = [...(found.get(key)?.files ?? []), file];
      found.set(key, { ...advisory, files });
    }
  }
  return { ecosystem: 'go', advisories: [...found.values()] };
}

async function moduleFiles(root: string): Promise<string[]> {
  const files = await Array.fromAsync(glob('scripts/tools/*/go.mod', { cwd: root }));
  return files.sort();
}

/** What goTools() builds of a module; nothing of one that only pins files. */
async function programsOf(folder: string): Promise<string[]> {
  const tools = /^tool[ (]/m.test(await readFile(path.join(folder, 'go.mod'), 'utf8'));
  const own = await Array.fromAsync(glob('*/main.go', { cwd: folder }));
  return [...(tools ? ['tool'] : []), ...(own.length > 0 ? ['./...'] : [])];
}

/** @param text what `govulncheck -format json -scan package` wrote about the module of that go.mod */
export function govulncheckAdvisories(text: string, file: string): Advisory[] {
  const messages = objects(text);
  const known = new Map(messages.flatMap(({ osv }) => (osv === undefined ? [] : [[osv.id, osv]])));
  return messages.flatMap(({ finding }) => {
    const [frame] = finding?.trace ?? [];
    if (finding === undefined || frame?.package === undefined) {
      return [];
    }
    const osv = known.get(finding.osv);
    const mended = finding.fixed_version;
    return [
      {
        ecosystem: 'go',
        id: finding.osv,
        package: frame.module,
        title: osv?.summary ?? '',
        url: osv?.database_specific?.url ?? `https://pkg.go.dev/vuln/${finding.osv}`,
        remedy: `${frame.package} ${frame.version ?? ''}; ${mended === undefined ? 'no version mends it' : `${mended} mends it`}`,
        files: [file],
      },
    ];
  });
}

/** Objects one after the other, each from a line that is "{" to one that is "}". */
function objects(text: string): Message[] {
  return text
    .split(/^(?=\{$)/m)
    .filter((part) => part.trim() !== '')
    .map((part) => JSON.parse(part) as Message);
}

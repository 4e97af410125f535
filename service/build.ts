// Bundles the service into dist/, as service/Dockerfile does: from few files node starts in a third of the time.
import { glob, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build, type Plugin } from 'esbuild';

const service = import.meta.dirname;
const root = path.join(service, '..');
const outdir = path.join(service, process.argv[2] ?? 'dist');

/** An import of node:http reads each of its exports, the client of WebSockets too: 20 ms that require() does not take. */
const builtinsByRequire: Plugin = {
  name: 'builtins-by-require',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:/ }, ({ path: name, kind }) =>
      kind === 'import-statement' ? { path: name, namespace: 'builtin' } : { external: true },
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path: name }) => ({
      contents: `module.exports = require('${name}');`,
    }));
  },
};

await rm(outdir, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: service,
  entryPoints: ['src/main.ts'],
  outdir,
  bundle: true,
  platform: 'node',
  target: 'node26',
  format: 'esm',
  // node-pg-migrate, which is imported only where a migration is missing, stays a file of its own.
  splitting: true,
  // pg asks for each only where it is told to, and manages without.
  external: ['pg-native', 'pg-cloudflare'],
  plugins: [builtinsByRequire],
  // The packages that are CommonJS ask for Node's own modules by it.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);",
  },
  metafile: true,
});

const packages = [...new Set(Object.keys(metafile.inputs).flatMap((input) => packageOf(input) ?? []))].sort();
// What scripts/release/sbom.ts reads.
await writeFile(path.join(outdir, 'packages.json'), JSON.stringify(packages, null, 2));
await writeFile(path.join(outdir, 'LICENSES'), (await Promise.all(packages.map(licence))).join('\n'));

/** The package that a file is of, as the lock file names its folder. */
function packageOf(input: string): string | undefined {
  const file = path.relative(root, path.resolve(service, input));
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

async function licence(folder: string): Promise<string> {
  const files = await Array.fromAsync(glob('{LICENSE,LICENCE,license}*', { cwd: path.join(root, folder) }));
  const texts = await Promise.all(
    files.sort().map((file) => readFile(path.join(root, folder, file), 'utf8')),
  );
  return `--- ${folder}\n${texts.join('\n')}`;
}

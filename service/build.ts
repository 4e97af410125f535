// Bundles the service into dist/, as service/Dockerfile does: from few files node starts in a third of the time.
import path from 'node:path';
import { build, type Plugin } from 'esbuild';

const service = import.meta.dirname;

/** An import of node:http reads each of its exports, the client of WebSockets too: 50 ms that require() does not take. */
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

await build({
  absWorkingDir: service,
  entryPoints: ['src/main.ts'],
  outdir: path.join(service, 'dist'),
  bundle: true,
  platform: 'node',
  target: 'node26',
  format: 'esm',
  // What main.ts imports later stays a file of its own, or the door would wait until it is read.
  splitting: true,
  // pg asks for each only where it is told to, and manages without.
  external: ['pg-native', 'pg-cloudflare'],
  plugins: [builtinsByRequire],
  // The packages that are CommonJS ask for Node's own modules by it.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);",
  },
});

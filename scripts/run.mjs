// Every npm verb enters here, under whatever Node the machine has: plain JavaScript, no imports from node_modules.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const stamp = path.join(root, 'node_modules', '.lock-hash');

/** Ends the program with exit code 2 (cannot run) and a next step. */
function cannotRun(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

const [verb = '', ...args] = process.argv.slice(2);
const script = path.join(root, 'scripts', `${verb}.ts`);
if (!/^[a-z0-9-]+$/.test(verb) || !existsSync(script)) {
  cannotRun(`no such command: ${verb || '(none)'}. "npm run" lists the commands.`);
}
if (Number(process.versions.node.split('.')[0]) < 20) {
  cannotRun(`Node ${process.versions.node} is too old: install Node 20 or newer, then run this again.`);
}

// A stamp of our own rather than node_modules/.package-lock.json: it is written only after npm ended well.
const wanted = createHash('sha256')
  .update(readFileSync(path.join(root, 'package-lock.json')))
  .digest('hex');
const installed = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
if (installed !== wanted) {
  process.stderr.write('npm packages are missing or out of date: running "npm install" (about 20 s)\n');
  // Not `npm ci`: it refuses a lock file made where a registry withheld other platforms' optional packages.
  const npm = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (npm.status !== 0) {
    cannotRun('"npm install" failed: the lines above say why. Mend that, then run this again.');
  }
  writeFileSync(stamp, wanted);
}

const pinned = path.join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
const node = existsSync(pinned) ? pinned : process.execPath;
if (node === process.execPath && Number(process.versions.node.split('.')[0]) < 26) {
  cannotRun(
    `no pinned Node for ${process.platform}-${process.arch}: install Node 26 or newer, then run this again.`,
  );
}
if (spawnSync(node, ['--version']).status !== 0) {
  process.stderr.write('the pinned Node needs the Debian package libatomic1: installing it\n');
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'] };
  spawnSync('apt-get', ['update', '--quiet'], quiet);
  if (spawnSync('apt-get', ['install', '--yes', '--quiet', 'libatomic1'], quiet).status !== 0) {
    cannotRun('"apt-get install libatomic1" failed: run it as root, then run this again.');
  }
}
// The programs' TypeScript is stripped and compiled once: a command starts 0.2 s sooner.
const xdgCache = process.env.XDG_CACHE_HOME ?? '';
const cache = path.join(xdgCache.startsWith('/') ? xdgCache : path.join(homedir(), '.cache'), 'quotes');
const child = spawn(node, ['--disable-warning=ExperimentalWarning', script, ...args], {
  stdio: 'inherit',
  env: { NODE_COMPILE_CACHE: path.join(cache, 'compiled'), ...process.env },
});
// A terminal's Ctrl-C reaches the child by itself; only wait for it.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) {
  process.on(signal, () => child.kill(signal));
}
child.on('exit', (code, signal) => process.exit(signal === null ? code : 2));

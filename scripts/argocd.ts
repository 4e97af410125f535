import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { run } from './cli.ts';
import { clusterReference } from './cluster-reference.ts';
import { kubectlFor } from './gitops/kubectl.ts';
import { goTools } from './tools/go.ts';

// Everything on the command line is argocd's own, --help included; QUOTES_CLUSTER names another embedded cluster, and
// QUOTES_CONTEXT a kubectl context.
const args = process.argv.splice(2);

await run({ help: '', options: {} }, async () => {
  const program = path.join(await goTools('cluster'), 'argocd');
  if (args.length === 0 || args.includes('--help') || args.includes('-h')) {
    return (await execa(program, args, { stdio: 'inherit', reject: false })).exitCode ?? 2;
  }
  const context = process.env.QUOTES_CONTEXT;
  const kubectl = await kubectlFor(clusterReference({ context }));
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-argocd-'));
  try {
    const whole = ['--raw', '--minify', '--flatten', '--output=json'];
    const kubeconfig = path.join(folder, 'kubeconfig');
    await writeFile(kubeconfig, inArgocdsNamespace(await kubectl(['config', 'view', ...whole])), {
      mode: 0o600,
    });
    // A terminal's Ctrl-C goes to argocd, which ends; this program then ends with it.
    process.on('SIGINT', () => {});
    // Without a login: argocd does it by the user's own rights in the cluster, and no password is needed.
    const child = execa(program, ['--core', ...args], {
      stdio: 'inherit',
      env: { KUBECONFIG: kubeconfig },
      reject: false,
    });
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => child.kill(signal));
    }
    return (await child).exitCode ?? 2;
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** `--core` looks for Argo CD in the namespace of the current context. */
function inArgocdsNamespace(kubeconfig: string): string {
  const config = JSON.parse(kubeconfig) as { contexts: { context: object }[] };
  const contexts = config.contexts.map((entry) => ({
    ...entry,
    context: { ...entry.context, namespace: 'argocd' },
  }));
  return JSON.stringify({ ...config, contexts });
}

import path from 'node:path';
import { execa } from 'execa';
import { run } from './cli.ts';
import { clusterReference } from './cluster-reference.ts';
import { goTools } from './tools/go.ts';

// Everything on the command line is kubectl's own, --help included: nothing is parsed here.
const args = process.argv.splice(2);

await run({ help: '', options: {} }, async () => {
  const program = path.join(await goTools('cluster'), 'kubectl');
  const { kubeconfig } = clusterReference({});
  // A terminal's Ctrl-C goes to kubectl, which ends; this program then ends with it.
  process.on('SIGINT', () => {});
  const result = await execa(program, args, {
    stdio: 'inherit',
    env: kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig },
    reject: false,
  });
  return result.exitCode ?? 2;
});

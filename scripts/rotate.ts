import { CannotRun, run } from './cli.ts';
import { defaultClusterName } from './cluster/layout.ts';
import { clusterReference } from './cluster-reference.ts';
import { environmentNamed } from './environment.ts';
import { kubectlFor } from './gitops/kubectl.ts';
import { rotateLogin } from './rotation/rotation.ts';

const help = `
Usage: npm run rotate -- ENVIRONMENT [--json] [--name NAME | --context NAME]

Gives quote-app another login of that environment's database: the new one is made beside the old one, the Secret is
changed to it, every pod takes it up without a restart, and when nothing uses the old one any more it is refused. No
request fails meanwhile. Interrupted, both hold: run it again.

  --json          {"environment","from","to"} on standard output
  --name NAME     the embedded cluster of that name (default: ${defaultClusterName})
  --context NAME  the cluster of that kubectl context

Exit code: 0 rotated, 2 cannot run.
`;

const options = {
  json: { type: 'boolean' },
  name: { type: 'string' },
  context: { type: 'string' },
} as const;

await run({ help, options, positionals: true }, async ({ json, name, context }, [given, ...more]) => {
  if (more.length > 0) {
    throw new CannotRun(`unexpected argument "${more[0]}": one environment at a time. See --help.`);
  }
  const environment = environmentNamed(given, 'npm run rotate');
  const kubectl = await kubectlFor(clusterReference({ name, context }));
  const started = Date.now();
  const rotated = await rotateLogin(kubectl, environment, (doing) => process.stderr.write(`· ${doing}\n`));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stdout.write(
    json === true
      ? `${JSON.stringify(rotated)}\n`
      : `${environment}: quote-app logs in as ${rotated.to}, and the password of ${rotated.from} is refused (${seconds} s).\n`,
  );
  return 0;
});

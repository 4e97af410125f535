import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { ImageError } from '../images/buildah.ts';
import { goTools } from '../tools/go.ts';

/** What belongs to us alone: neither a public log nor a third party's clock has to know. */
const ownKeyOnly = [
  '--yes',
  '--tlog-upload=false',
  '--use-signing-config=false',
  '--new-bundle-format=false',
];

/**
 * Has cosign sign an image of a registry, and its SBOM, by a key that cosign knows how to use: it knows every KMS, adds
 * to what others signed, and logs in as whom "buildah login" knows.
 * @throws {ImageError}
 */
export async function signByCosign(image: string, digest: string, sbom: string, key: string): Promise<void> {
  process.stderr.write('cosign, from source the first time (usually 2 min), then 2 s\n');
  const program = path.join(await goTools('cosign'), 'cosign');
  const subject = `${image.replace(/:[^:/]+$/, '')}@${digest}`;
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-sbom-'));
  try {
    const predicate = path.join(folder, 'sbom.cdx.json');
    await writeFile(predicate, sbom);
    const attest = ['attest', '--type=cyclonedx', `--predicate=${predicate}`];
    for (const verb of [['sign'], attest]) {
      const { failed, shortMessage } = await execa(
        program,
        [...verb, `--key=${key}`, ...ownKeyOnly, subject],
        {
          // It may ask for the key's password.
          stdin: 'inherit',
          stdout: process.stderr,
          stderr: 'inherit',
          env: { REGISTRY_AUTH_FILE: buildahLogins() },
          reject: false,
        },
      );
      if (failed) {
        throw new ImageError(`${subject} is pushed and not signed, so nothing is pinned: ${shortMessage}`);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Where `buildah login` keeps what it knows, which for root cosign does not find by itself. */
function buildahLogins(): string {
  const { REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR = `/run/containers/${process.getuid?.()}` } = process.env;
  return REGISTRY_AUTH_FILE ?? path.join(XDG_RUNTIME_DIR, 'containers/auth.json');
}

import { mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { goTools } from '../tools/go.ts';
import { stockedRepositories } from './image-recipes.ts';
import { addresses, type ClusterLayout, type ClusterNode } from './layout.ts';
import { signingPublicKeyFile } from './signing-key.ts';

const configFile = (node: ClusterNode) => path.join(node.state, 'image-verifier.json');

/** The folder whose programs containerd asks before it pulls an image. */
export const verifiersFolder = (node: ClusterNode) => path.join(node.state, 'image-verifiers');

/** Where the program finds its configuration: containerd passes its own environment on. */
export const verifierEnvironment = (node: ClusterNode) => ({ IMAGE_VERIFIER_CONFIG: configFile(node) });

/** Puts the program where containerd looks for it, which would let everything through where nothing lies. */
export async function ensureImageVerifier(node: ClusterNode): Promise<void> {
  const program = path.join(await goTools('image-verifier'), 'image-verifier');
  const link = path.join(verifiersFolder(node), 'signature');
  await mkdir(verifiersFolder(node), { recursive: true });
  // Beside the folder: containerd runs whatever is in it.
  const draft = `${verifiersFolder(node)}.draft`;
  await rm(draft, { force: true });
  await symlink(program, draft);
  await rename(draft, link);
}

/** What a node is told: whose signature to ask the cluster's registry for, and of which images not to. */
export async function verifierConfig(
  layout: ClusterLayout,
  node: ClusterNode,
): Promise<Record<string, string>> {
  const config = {
    registry: `http://${addresses.registry}/v2`,
    keys: await readFile(signingPublicKeyFile(layout), 'utf8'),
    unsigned: stockedRepositories,
  };
  return { [configFile(node)]: JSON.stringify(config, null, 2) };
}

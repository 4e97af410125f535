import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { impactsDocument, impactsMarkdown } from '../diff/impact-docs.ts';
import { writeFrozen } from '../freezes/sync-windows.ts';
import { catalogue } from './catalogue.ts';
import { exemptedFiles, staleFiles, writtenBindings } from './exemptions/bindings.ts';
import { readExemptions } from './exemptions/exemptions.ts';
import { warnedEnvironments } from './exemptions/warned.ts';
import type { RenderedObject } from './model.ts';
import { writeWhole } from './outputs.ts';
import { findKustomize } from './programs.ts';
import { renderTarget } from './render.ts';
import { rulesDocument, rulesMarkdown } from './rule-docs.ts';
import { servedKinds } from './schemas/served-kinds.ts';
import { schemaStore } from './schemas/store.ts';
import { repositoryTargets } from './targets.ts';
import { YamlFiles } from './yaml/yaml-files.ts';

/**
 * Writes what is made from the rules, the exemptions and the freezes of a root: the bindings before the rules, which are
 * read with them; then the documents of the rules, and of the impacts that this program's diff knows.
 * @returns the files that changed, relative to the root
 * @throws {CannotRun} when something cannot be read or written
 */
export async function writeGenerated(root: string, progress: (line: string) => void): Promise<string[]> {
  const files = new YamlFiles(root);
  const { exemptions } = await readExemptions(root, files);
  const resources = (await servedKinds(await schemaStore())).resources;
  const warned = await warnedEnvironments(root, files);
  const isAsked = exemptions.length + warned.length > 0;
  const objects = isAsked ? await environmentObjects(root, files, progress) : [];
  const bindings = await writtenBindings(root, files);
  const wanted = exemptedFiles(exemptions, warned, bindings, resources, objects);
  const frozen = await writeFrozen(root);
  const stale = await staleFiles(root, wanted);
  for (const file of stale) {
    const text = wanted.get(file);
    const at = path.join(root, file);
    await (text === undefined ? rm(at) : writeWhole(at, text));
  }
  const documents = new Map([
    [rulesDocument, rulesMarkdown(await catalogue(root, progress))],
    [impactsDocument, impactsMarkdown()],
  ]);
  const written: string[] = [];
  for (const [document, text] of documents) {
    const at = path.join(root, document);
    if ((await readFile(at, 'utf8').catch(() => undefined)) !== text) {
      await writeWhole(at, text);
      written.push(document);
    }
  }
  return [...frozen, ...stale, ...written];
}

/** What the environments render: only they say in which namespaces their objects are. */
async function environmentObjects(
  root: string,
  files: YamlFiles,
  progress: (line: string) => void,
): Promise<RenderedObject[]> {
  const kustomize = await findKustomize(progress);
  const targets = (await repositoryTargets(root, files)).filter(({ role }) => role === 'environment');
  const renders = await Promise.all(targets.map((target) => renderTarget(kustomize, target, files)));
  return renders.flatMap(({ objects }) => objects);
}

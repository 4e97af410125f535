import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { advisoriesFile } from '../advisories/exemptions.ts';
import { freezesFile } from '../freezes/calendar.ts';
import { releasesIn } from '../upstream-manifests.ts';
import { exemptionsFile } from './exemptions/exemptions.ts';
import {
  choiceOf,
  isKustomizationFile,
  type Kustomization,
  kustomizationFile,
  referencePlace,
} from './kustomization.ts';
import { manifestsIn } from './manifests.ts';
import { isMap, maps, type Target, text } from './model.ts';
import { type Departure, departures, pluginDepartures } from './own-formats/own-formats.ts';
import { foreignPlugins, pluginsOf } from './plugins.ts';
import type { StructureRuleId } from './structure-rules.ts';
import { choicesIn, manifestFolders } from './targets.ts';
import { reachable } from './tree.ts';
import type { YamlFiles } from './yaml/yaml-files.ts';

/** A finding about a source file: absolute path, line and column counted from 1. */
export type SourceFinding = {
  rule: StructureRuleId;
  file: string;
  line?: number;
  column?: number;
  message: string;
};

/** What is wrong in the files of the targets; when the whole is checked, in every file of the manifest folders. */
export async function allSourceFindings(
  root: string,
  targets: Target[],
  whole: boolean,
  files: YamlFiles,
): Promise<SourceFinding[]> {
  const present = whole ? manifestFiles(root) : { yaml: [], json: [], linkedFolders: [] };
  const roots = [
    ...targets.flatMap((target) => ('dir' in target ? [target.dir] : [])),
    ...(whole ? (await choicesIn(root, files)).map(({ dir }) => dir) : []),
    // No environment may have a component now: what it lists is listed.
    ...present.yaml.filter((file) => startsTree(root, file)).map((file) => path.dirname(file)),
  ];
  const trees = await Promise.all([...new Set(roots)].map((dir) => reachable(dir, files)));
  const kustomizations = [...new Map(trees.flat().map((found) => [found.dir, found])).values()];
  const named = kustomizations.flatMap(({ file, references }) => [
    file.path,
    ...references.filter(({ kind, to }) => kind === 'file' && /\.ya?ml$/.test(to)).map(({ to }) => to),
  ]);
  // Of a kustomization that does not parse nothing is known but its file.
  const folders = new Set([
    ...roots,
    ...kustomizations.flatMap(({ references }) =>
      references.filter(({ kind }) => kind === 'kustomization').map(({ to }) => to),
    ),
  ]);
  const listing = [...folders].flatMap((dir) => kustomizationFile(dir) ?? []);
  const plain = targets.flatMap((target) => ('file' in target ? [target.file] : []));
  return [
    ...(await syntaxFindings([...new Set([...named, ...listing, ...plain, ...present.yaml])], files)),
    ...(await kustomizationFindings(kustomizations, files)),
    ...(await rewrittenPolicies(trees, files)),
    ...(whole ? await unlistedFindings(root, present, kustomizations, files) : []),
  ];
}

/** What is in the manifest folders besides the rules' examples. Absolute paths, sorted. */
type Present = { yaml: string[]; json: string[]; linkedFolders: string[] };

function manifestFiles(root: string): Present {
  const present: Present = { yaml: [], json: [], linkedFolders: [] };
  // By hand: Node's own recursive listing follows links to folders, out of the repository and in circles.
  const visit = (folder: string) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        visit(file);
      } else if (isExample(path.relative(root, file))) {
        // It has its own tests.
      } else if (entry.isSymbolicLink() && leadsToFolder(file)) {
        present.linkedFolders.push(file);
      } else if (/\.ya?ml$/i.test(file) || isKustomizationFile(file)) {
        present.yaml.push(file);
      } else if (/\.json$/i.test(file)) {
        present.json.push(file);
      }
    }
  };
  for (const folder of manifestFolders.map((name) => path.join(root, name))) {
    if (existsSync(folder)) {
      visit(folder);
    }
  }
  return {
    yaml: present.yaml.sort(),
    json: present.json.sort(),
    linkedFolders: present.linkedFolders.sort(),
  };
}

function leadsToFolder(link: string): boolean {
  try {
    return statSync(link).isDirectory();
  } catch {
    // It leads to nothing, or in a circle.
    return false;
  }
}

/** What does not parse in the given files. */
async function syntaxFindings(paths: string[], files: YamlFiles): Promise<SourceFinding[]> {
  const findings: SourceFinding[] = [];
  for (const file of paths) {
    if (!files.holds(file)) {
      const message = 'this link leads to no file of the repository';
      findings.push({ rule: 'outside-repository', file, line: 1, message });
      continue;
    }
    const { problems } = await files.read(file);
    findings.push(...problems.map((problem) => ({ ...problem, file })));
  }
  return findings;
}

/** What is wrong in kustomizations themselves: their fields, and the paths that they name. */
async function kustomizationFindings(
  kustomizations: Kustomization[],
  files: YamlFiles,
): Promise<SourceFinding[]> {
  const findings: SourceFinding[] = [];
  for (const kustomization of kustomizations) {
    const file = kustomization.file.path;
    findings.push(
      ...departures('kustomization', kustomization.file, 0, kustomization.value).map(departed(file)),
    );
    findings.push(...namedTwice(kustomization));
    for (const reference of kustomization.references) {
      const { kind, to, field } = reference;
      const place = () => referencePlace(kustomization, reference);
      if (kind === 'missing') {
        const name = path.relative(kustomization.dir, to);
        const message = `${field} names ${name}, which is not there`;
        findings.push({ rule: 'missing-file', ...place(), message });
      } else if (kind === 'outside') {
        const message = `${field} names ${path.relative(kustomization.dir, to)}, which is outside the repository`;
        findings.push({ rule: 'outside-repository', ...place(), message });
      } else if (kind === 'file' && field === 'resources' && (await isEmpty(to, files))) {
        findings.push({ rule: 'empty-render', file: to, line: 1, message: 'this file holds no object' });
      } else if (kind === 'remote' && releasesIn(to).length === 0) {
        findings.push({ rule: 'remote-resource', ...place(), message: `${field} names ${to}` });
      }
    }
    findings.push(...(await pluginFindings(kustomization, files)));
  }
  return findings;
}

function departed(file: string): (departure: Departure) => SourceFinding {
  return ({ unknownField, ...departure }) => ({
    ...departure,
    rule: unknownField ? 'unknown-field' : 'kustomization',
    file,
  });
}

/** Kustomize runs these and renders none, so no other rule sees them. */
async function pluginFindings(kustomization: Kustomization, files: YamlFiles): Promise<SourceFinding[]> {
  const findings: SourceFinding[] = [];
  for (const field of ['transformers', 'generators'] as const) {
    for (const { file, document, kind, value } of await pluginsOf(kustomization, field, files)) {
      findings.push(...pluginDepartures(kind, file, document, value).map(departed(file.path)));
    }
  }
  for (const { file, document, message } of await foreignPlugins(kustomization, files)) {
    findings.push({ rule: 'unknown-kind', file: file.path, line: file.documentLine(document), message });
  }
  return findings;
}

/** Labels that a kustomization writes into selectors, where a NetworkPolicy is among what it writes them into. */
async function rewrittenPolicies(trees: Kustomization[][], files: YamlFiles): Promise<SourceFinding[]> {
  const findings = new Map<string, SourceFinding>();
  for (const kustomization of trees.flat()) {
    const { dir, file, value, isComponent } = kustomization;
    for (const [index, { includeSelectors }] of maps(value.labels).entries()) {
      // A component's labels are for whatever the kustomizations that list it have.
      const among = isComponent
        ? trees.filter((tree) => tree.some((one) => one.dir === dir)).flat()
        : await reachable(dir, files);
      if (includeSelectors === true && (await hasNetworkPolicy(among, files))) {
        const { line } = file.locate(0, ['labels', index, 'includeSelectors']);
        const message = `labels.${index}.includeSelectors also rewrites whom NetworkPolicies let in: write the selectors in the manifests`;
        findings.set(`${file.path}:${line}`, { rule: 'kustomization', file: file.path, line, message });
      }
    }
  }
  return [...findings.values()];
}

async function hasNetworkPolicy(tree: Kustomization[], files: YamlFiles): Promise<boolean> {
  for (const { kind, to, field } of tree.flatMap(({ references }) => references)) {
    const manifests = kind === 'file' && field === 'resources' ? manifestsIn(await files.read(to)) : [];
    if (manifests.some(({ value }) => isMap(value) && value.kind === 'NetworkPolicy')) {
      return true;
    }
  }
  return false;
}

/** Kustomize makes each entry's change after the other, so the last one for a name wins. */
function namedTwice({ file, value }: Kustomization): SourceFinding[] {
  return ['replicas', 'images'].flatMap((field) => {
    const names = maps(value[field]).map(({ name }) => text(name));
    return names.flatMap((name, index): SourceFinding[] => {
      const message = `${field} has two entries for ${name}: the last one wins`;
      const { line } = file.locate(0, [field, index]);
      return name === '' || names.indexOf(name) === index
        ? []
        : [{ rule: 'duplicate-key', file: file.path, line, message }];
    });
  });
}

async function isEmpty(path: string, files: YamlFiles): Promise<boolean> {
  const file = await files.read(path);
  return file.problems.length === 0 && file.values().length === 0;
}

/** Whether a file is a kustomization that need not be listed. */
function startsTree(root: string, file: string): boolean {
  return isKustomizationFile(file) && !['base', 'policies'].includes(folderOf(root, file));
}

function folderOf(root: string, file: string): string {
  return path.relative(root, file).split(path.sep)[0] ?? '';
}

/**
 * What no kustomization lists: YAML files, JSON files with a manifest, and links to folders, behind which nothing is
 * looked for. Kustomizations of base/ and policies/ must be listed like a file; those of other folders start a tree of their
 * own.
 */
async function unlistedFindings(
  root: string,
  { yaml, json, linkedFolders }: Present,
  all: Kustomization[],
  files: YamlFiles,
): Promise<SourceFinding[]> {
  const listed = new Set(all.flatMap(({ references }) => references.map(({ to }) => to)));
  const manifests: string[] = [];
  for (const file of json) {
    if (!listed.has(file) && (await holdsManifest(file, files))) {
      manifests.push(file);
    }
  }
  const choices = all.flatMap((kustomization) => {
    const choice = choiceOf(kustomization);
    return choice === undefined ? [] : [{ ...kustomization, ...choice }];
  });
  const own = new Set(choices.map(({ dir }) => dir));
  const unlisted = yaml
    .filter((file) => ![exemptionsFile, freezesFile, advisoriesFile].includes(path.relative(root, file)))
    .filter((file) =>
      isKustomizationFile(file)
        ? folderOf(root, file) === 'base' && !listed.has(path.dirname(file)) && !own.has(path.dirname(file))
        : !listed.has(file),
    );
  const finding = (file: string, message: string): SourceFinding => ({
    rule: 'unlisted-file',
    file,
    line: 1,
    message,
  });
  return [
    ...[...unlisted, ...manifests].map((file) =>
      finding(file, 'no kustomization lists this file, so it is never deployed'),
    ),
    ...choices
      .filter(({ other }) => !listed.has(other))
      .map(({ file, other, relation, at }) => ({
        ...finding(file.path, `it ${relation} ${path.relative(root, other)}, which no kustomization lists`),
        line: file.locate(0, at).line,
      })),
    ...linkedFolders
      .filter((link) => !listed.has(link))
      .map((link) =>
        finding(link, 'no kustomization lists this link to a folder, so nothing behind it is checked'),
      ),
  ];
}

/** Whether Kubernetes would take a document of the file, or an item of one. A file that does not parse has none. */
async function holdsManifest(file: string, files: YamlFiles): Promise<boolean> {
  const values = files.holds(file) ? (await files.read(file)).values() : [];
  return values
    .flatMap((value) => (Array.isArray(value) ? value : [value]))
    .some((value) => isMap(value) && text(value.apiVersion) !== '' && text(value.kind) !== '');
}

/**
 * policies/example keeps every rule; RULE/valid.yaml and invalid.yaml are patches that keep and break one; what is
 * named .test.yaml tries alerts.
 */
function isExample(file: string): boolean {
  return /^policies\/([^/]+\/(in)?valid\.yaml$|example\/)|^monitoring\/.*\.test\.yaml$/.test(file);
}

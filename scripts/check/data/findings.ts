import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Comparison } from '../before.ts';
import { sourceLines } from '../formats/judged.ts';
import type { Repository } from '../graph/repository.ts';
import type { Finding, Place } from '../model.ts';
import { noObject } from '../model.ts';
import { placeOf } from '../provenance/provenance.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';
import { type Acknowledgement, acknowledgements, trailer } from './acknowledgements.ts';
import type { Was } from './before.ts';
import { type Holding, type Holdings, holdingKinds, holdingsOf, keyOf } from './holdings.ts';
import { type Impact, impactsOf } from './impacts.ts';

export type DataFinding = Omit<Finding, 'severity'> & { rule: 'data-removed' };

/** All of a repository that renders, and what it is compared with. */
type Compared = {
  compared: Comparison;
  repository: Repository;
  files: YamlFiles;
  /** The file with the message of the commit that is being made. */
  message: string | undefined;
};

const nothing: Holdings<Was> = { objects: [], owners: [] };

/** What the commits since the origin, and what is not committed yet, do to data that no message acknowledges. */
export async function dataFindings({
  compared: { origin, isUnchanged, before },
  repository,
  files,
  message,
}: Compared): Promise<DataFinding[]> {
  const now = holdingsOf(repository);
  const then = isUnchanged ? undefined : ((await before())?.holdings ?? nothing);
  const impacts = then === undefined ? [] : impactsOf(then, now);
  const touched = new Set([
    ...impacts.map(({ id }) => keyOf(id)),
    ...changed(then?.objects ?? [], now.objects),
  ]);
  const accepted = await acknowledgements(origin, message);
  const isAccepted = (impact: Impact) => accepted.some(({ object }) => object === keyOf(impact.id));
  return [
    ...(await Promise.all(
      impacts.filter((impact) => !isAccepted(impact)).map((impact) => placed(impact, origin.root, files)),
    )),
    ...accepted.flatMap((acknowledgement) => unfitting(acknowledgement, touched, origin.root)),
  ];
}

async function placed(impact: Impact, root: string, files: YamlFiles): Promise<DataFinding> {
  const { id, environment, message, at } = impact;
  const place =
    'place' in at ? formerPlace(root, at.place, at.line) : await placeOf({ ...at, message: '' }, files);
  const way = `accept it by a line of the commit's message: ${trailer}: ${keyOf(id)}: WHY`;
  return { rule: 'data-removed', environment, object: id, ...place, message: `${message}; ${way}` };
}

/** Where something was. Its line is left out where the file has another one there now. */
function formerPlace(root: string, { file, ...at }: Place, line: string): Place {
  const absolute = path.join(root, file);
  const isSame = !existsSync(absolute) || sourceLines(root)({ file, ...at }) === line;
  return { file: absolute, ...(isSame && at) };
}

const ungrouped = holdingKinds.map((kind) => kind.slice(kind.indexOf('/') + 1));
const kinds = [...ungrouped, 'Application', 'AppProject'];

/** The objects that are not as they were: what `npm run diff` finds to be refused of them is acknowledged alike. */
function changed(before: Holding[], now: Holding[]): string[] {
  const content = new Map(before.map((holding) => [keyOf(holding.id), holding.content]));
  return now
    .map((holding) => ({ key: keyOf(holding.id), is: holding.content }))
    .flatMap(({ key, is }) => (content.has(key) && content.get(key) !== is ? [key] : []));
}

/** An acknowledgement that says too little, or of nothing. Those of other kinds of objects are not this rule's. */
function unfitting({ said, by, object }: Acknowledgement, touched: Set<string>, root: string): DataFinding[] {
  const found = (message: string): DataFinding[] => [
    { rule: 'data-removed', environment: '', object: noObject, file: root, message },
  ];
  if (object === undefined) {
    return found(`${by} acknowledges "${said}", which is not of the form KIND/NAME in NAMESPACE: WHY`);
  }
  return touched.has(object) || !kinds.includes(object.split('/')[0] ?? '')
    ? []
    : found(`${by} acknowledges ${object}, to which nothing happens: take the line away`);
}

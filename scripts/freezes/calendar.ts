import path from 'node:path';
import { isOfStage } from '../check/graph/order.ts';
import { type FieldPath, isMap, type JsonMap, maps, text } from '../check/model.ts';
import { departures } from '../check/own-formats/own-formats.ts';
import { type YamlFile, YamlFiles } from '../check/yaml/yaml-files.ts';
import { CannotRun } from '../cli.ts';
import { type Cron, parseCron } from './cron.ts';
import { endOfWindow, isTimeZone, readDuration, type Window, writeDuration } from './window.ts';

/** Where freezes and their overrides are written, relative to the root. */
export const freezesFile = 'policies/freezes.yaml';

/** When nothing changes in some environments: once, or whenever its schedule begins. */
type Freeze = {
  name: string;
  /** As policies/environments.yaml names them: each stands for those below it too. */
  environments: string[];
  reason: string;
  /** As Argo CD is told. It knows no year: what comes once has the minute of the year that it begins in. */
  window: Window & { schedule: string; duration: string };
  /** Undefined for a freeze that comes again. */
  once: { from: Date; to: Date } | undefined;
  /** The line of its entry. */
  line: number;
};

/** Who lets through what one freeze holds up in one environment, and until when. */
export type Override = {
  freeze: string;
  environment: string;
  owner: string;
  reason: string;
  until: Date;
  line: number;
};

export type Freezes = { freezes: Freeze[]; overrides: Override[] };

/** A freeze that holds at a time, and when it is over. */
export type ActiveFreeze = { name: string; reason: string; until: Date };

/** What is wrong with the file, whatever the time is. */
export type Problem = { line: number; message: string };

/**
 * Reads the freezes of a repository; one without the file has none.
 * @throws {CannotRun} when the file is not as it should be: nobody could tell whether an environment is frozen
 */
export async function readFreezes(root: string): Promise<Freezes> {
  const { freezes, problems } = await freezesOf(root, new YamlFiles());
  const [problem] = problems;
  if (problem !== undefined) {
    const place = `${path.join(root, freezesFile)}:${problem.line}`;
    throw new CannotRun(`${place}: ${problem.message}. Mend it, then run this again.`);
  }
  return freezes;
}

/** The freezes of a repository, and what is wrong with the file; where something is, there are none. */
export async function freezesOf(
  root: string,
  files: YamlFiles,
): Promise<{ freezes: Freezes; problems: Problem[] }> {
  const file = path.join(root, freezesFile);
  return files.holds(file) ? parseFreezes(await files.read(file)) : { freezes: none, problems: [] };
}

const none: Freezes = { freezes: [], overrides: [] };

/** What a file says; where something is wrong with it, no freezes. */
export function parseFreezes(yaml: YamlFile): { freezes: Freezes; problems: Problem[] } {
  const value = yaml.values()[0];
  if (value === undefined) {
    return {
      freezes: none,
      problems: yaml.problems.map(({ line, message }) => ({ line: line ?? 1, message })),
    };
  }
  const departed = departures('freezes', yaml, 0, value).map(({ line, message }) => ({ line, message }));
  if (departed.length > 0) {
    return { freezes: none, problems: departed };
  }
  const problems: Problem[] = [];
  const found = (at: FieldPath, message: string) => {
    problems.push({ line: yaml.locate(0, at).line, message: `${at.join('.')} ${message}` });
  };
  const { freezes, overrides } = isMap(value) ? value : {};
  const read = {
    freezes: maps(freezes).map((entry, index) => readFreeze(entry, ['freezes', index], yaml, found)),
    overrides: maps(overrides).map((entry, index) => readOverride(entry, ['overrides', index], yaml, found)),
  };
  for (const [index, { name }] of read.freezes.entries()) {
    if (read.freezes.findIndex((other) => other.name === name) < index) {
      found(['freezes', index, 'name'], `is ${name}, as another freeze's`);
    }
  }
  for (const [index, { freeze, environment }] of read.overrides.entries()) {
    const overridden = read.freezes.find(({ name }) => name === freeze);
    if (overridden === undefined) {
      found(['overrides', index, 'freeze'], `is ${freeze}, and no freeze is called so`);
    } else if (!overridden.environments.includes(environment)) {
      found(
        ['overrides', index, 'environment'],
        `is ${environment}, and ${freeze} freezes ${overridden.environments.join(', ')}`,
      );
    }
  }
  return { freezes: problems.length > 0 ? none : read, problems };
}

type Found = (at: FieldPath, message: string) => void;

function readFreeze(entry: JsonMap, at: FieldPath, yaml: YamlFile, found: Found): Freeze {
  const { name, environments, reason, timeZone = 'UTC' } = entry;
  const about = {
    name: text(name),
    environments: Array.isArray(environments) ? environments.map(text) : [],
    reason: text(reason),
    line: yaml.locate(0, at).line,
  };
  if (entry.from !== undefined) {
    const from = readTime(entry.from, [...at, 'from'], found);
    const to = readTime(entry.to, [...at, 'to'], found);
    const milliseconds = to.getTime() - from.getTime();
    if (milliseconds <= 0 || milliseconds >= 365 * aDay) {
      found([...at, 'to'], `must be after from, and less than a year: ${text(entry.to)} is not`);
    }
    const schedule = `${from.getUTCMinutes()} ${from.getUTCHours()} ${from.getUTCDate()} ${from.getUTCMonth() + 1} *`;
    const duration = writeDuration(milliseconds);
    const window = { cron: anyCron(parseCron(schedule)), schedule, duration, milliseconds, timeZone: 'UTC' };
    return { ...about, window, once: { from, to } };
  }
  const schedule = text(entry.schedule);
  const duration = text(entry.duration);
  const cron = parseCron(schedule);
  const milliseconds = readDuration(duration);
  if (typeof cron === 'string') {
    found([...at, 'schedule'], cron);
  }
  if (milliseconds === 0 || milliseconds >= 365 * aDay) {
    found([...at, 'duration'], `must be more than nothing and less than a year: "${duration}" is not`);
  }
  if (!isTimeZone(text(timeZone))) {
    found([...at, 'timeZone'], `is "${text(timeZone)}", and the time zone database has no such name`);
  }
  const window = { cron: anyCron(cron), schedule, duration, milliseconds, timeZone: text(timeZone) };
  return { ...about, window, once: undefined };
}

const aDay = 24 * 60 * 60_000;
const noValues = { values: [], isStar: false };
const never: Cron = { minute: noValues, hour: noValues, day: noValues, month: noValues, weekday: noValues };

/** One that is wrong is a problem already. */
function anyCron(cron: Cron | string): Cron {
  return typeof cron === 'string' ? never : cron;
}

function readOverride(entry: JsonMap, at: FieldPath, yaml: YamlFile, found: Found): Override {
  const { freeze, environment, owner, reason, until } = entry;
  return {
    ...{ freeze: text(freeze), environment: text(environment), owner: text(owner), reason: text(reason) },
    until: readTime(until, [...at, 'until'], found),
    line: yaml.locate(0, at).line,
  };
}

function readTime(value: unknown, at: FieldPath, found: Found): Date {
  try {
    return new Date(Temporal.Instant.from(text(value)).epochMilliseconds);
  } catch {
    found(at, `is ${text(value)}, and there is no such time`);
    return new Date(0);
  }
}

/** The freezes that hold in an environment at a time, without those that are overridden then. */
export function activeFreezes(
  { freezes, overrides }: Freezes,
  environment: string,
  at: Date,
): ActiveFreeze[] {
  return freezes.flatMap((freeze): ActiveFreeze[] => {
    const { name, reason, environments } = freeze;
    const stages = environments.filter((stage) => isOfStage(environment, stage));
    const isOverridden = overrides.some(
      (override) => override.freeze === name && stages.includes(override.environment) && at < override.until,
    );
    const until = stages.length === 0 || isOverridden ? undefined : endOf(freeze, at);
    return until === undefined ? [] : [{ name, reason, until }];
  });
}

function endOf({ once, window }: Freeze, at: Date): Date | undefined {
  if (once !== undefined) {
    return once.from <= at && at < once.to ? once.to : undefined;
  }
  return endOfWindow(window, at);
}

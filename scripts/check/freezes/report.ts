import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Freezes, freezesFile, type Problem } from '../../freezes/calendar.ts';
import { longestOverride } from '../../freezes/override.ts';
import { frozenFile, frozenStages, isStale, syncWindows } from '../../freezes/sync-windows.ts';
import { isOfStage } from '../graph/order.ts';
import type { Repository } from '../graph/repository.ts';
import type { Violation } from '../model.ts';
import type { SourceFinding } from '../sources.ts';

/** What is wrong with the calendar itself, with what is made from it, and what of it is over. */
export async function freezesReport(
  root: string,
  { freezes, problems }: { freezes: Freezes; problems: Problem[] },
  environments: string[],
  now: Date,
): Promise<SourceFinding[]> {
  const file = path.join(root, freezesFile);
  const found = (rule: 'freeze-calendar' | 'freeze-over', { line, message }: Problem): SourceFinding => ({
    ...{ rule, file, line, message },
  });
  const stale: SourceFinding[] =
    problems.length === 0 && (await isStale(root, freezes))
      ? [
          {
            rule: 'freeze-stale',
            file: path.join(root, frozenFile),
            message: `this is not what ${freezesFile} says`,
          },
        ]
      : [];
  return [
    ...problems.map((problem) => found('freeze-calendar', problem)),
    ...misplaced(freezes, environments, now).map((problem) => found('freeze-calendar', problem)),
    ...over(freezes, now).map((problem) => found('freeze-over', problem)),
    ...stale,
  ];
}

/** A freeze of no environment, and what is further ahead than it may be. */
function misplaced({ freezes, overrides }: Freezes, environments: string[], now: Date): Problem[] {
  return [
    ...freezes.flatMap(({ name, environments: stages, once, line }): Problem[] => {
      const absent = stages.filter((stage) => !environments.some((one) => isOfStage(one, stage)));
      const lastYear = new Date(once?.to ?? 0);
      lastYear.setUTCFullYear(lastYear.getUTCFullYear() - 1);
      return [
        ...absent.map((stage) => ({
          line,
          message: `${name} freezes ${stage}, and no environment is called so`,
        })),
        ...(lastYear > now
          ? [
              {
                line,
                message: `${name} is more than a year ahead: Argo CD knows no year, and would hold it until ${shown(lastYear)} already`,
              },
            ]
          : []),
      ];
    }),
    ...overrides.flatMap(({ freeze, environment, until, line }): Problem[] =>
      until.getTime() - now.getTime() > longestOverride
        ? [
            {
              line,
              message: `the override of ${freeze} in ${environment} ends ${shown(until)}: at most 24 hours ahead`,
            },
          ]
        : [],
    ),
  ];
}

/** What has had its time: Argo CD would hold the one again next year, and does not hold what the other overrides. */
function over({ freezes, overrides }: Freezes, now: Date): Problem[] {
  return [
    ...freezes.flatMap(({ name, once, line }): Problem[] =>
      once !== undefined && once.to <= now
        ? [{ line, message: `${name} was over at ${shown(once.to)}: Argo CD would hold it again next year` }]
        : [],
    ),
    ...overrides.flatMap(({ freeze, environment, until, line }): Problem[] =>
      until <= now
        ? [
            {
              line,
              message: `the override of ${freeze} in ${environment} was over at ${shown(until)}: Argo CD still lets everything through`,
            },
          ]
        : [],
    ),
  ];
}

function shown(time: Date): string {
  return time.toISOString().replace('.000Z', 'Z');
}

/** The projects of frozen environments that do not have the sync windows which are made for them. */
export function unreachedProjects({ deployments }: Repository, freezes: Freezes): Violation[] {
  return frozenStages(freezes).flatMap((stage) => {
    const wanted = syncWindows(freezes, stage);
    const own = deployments.filter(({ graph }) => isOfStage(graph?.target.environment ?? '', stage));
    const projects = new Set(own.flatMap(({ project }) => project ?? []));
    return [...projects]
      .filter(({ spec }) => wanted.length > 0 && !isDeepStrictEqual(spec.syncWindows, wanted))
      .map(({ object }): Violation => {
        const message = `the freezes of ${stage} do not reach this project: it must have the label environment: ${stage}, and apps/ list ${path.dirname(frozenFile)}`;
        return { object, path: ['metadata', 'labels', 'environment'], message };
      });
  });
}

import { parseCron } from '../freezes/cron.ts';
import { endOfWindow, readDuration } from '../freezes/window.ts';

/** As much of an Argo CD AppProject as says when its Applications are not synced. */
export type Project = {
  metadata: { name: string };
  spec?: { syncWindows?: SyncWindow[] };
};

type SyncWindow = {
  kind?: string;
  schedule?: string;
  duration?: string;
  timeZone?: string;
  description?: string;
};

/** What holds up every sync of a project's Applications at a time. Argo CD itself says it in its log alone. */
export function syncWindowProblems({ spec }: Project, at: Date): string[] {
  return (spec?.syncWindows ?? [])
    .filter(({ kind }) => kind === 'deny')
    .flatMap(({ schedule = '', duration = '', timeZone = 'UTC', description = schedule }) => {
      const cron = parseCron(schedule);
      const end =
        typeof cron === 'string'
          ? undefined
          : endOfWindow({ cron, milliseconds: readDuration(duration), timeZone }, at);
      return end === undefined
        ? []
        : [`frozen until ${end.toISOString()}: ${description}: nothing is synced or healed by itself`];
    });
}

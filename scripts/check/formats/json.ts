import type { Judged } from './judged.ts';

/** The report itself: {findings: [{rule, severity, environment, object, file, line?, column?, message}], coverage}. */
export function json({ report }: Judged): string {
  return JSON.stringify(report, null, 2);
}

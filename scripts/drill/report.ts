import { quantile } from '../bench/quantile.ts';
import { type Drill, passed, type Result } from './drill.ts';
import { isServed } from './load.ts';

/** What a run came to, for a reader. */
export function verdict(drill: Drill, result: Result): string {
  const { answers, failed, held, figures, error, left } = result;
  const lines = [`${passed(result) ? '✓' : '✗'} ${drill.name}: ${drill.cause}; ${drill.holds}`];
  for (const [figure, seconds] of Object.entries(figures)) {
    const goal = drill.goal?.figure === figure ? ` (goal: ${drill.goal.seconds} s)` : '';
    lines.push(`    ${figure}: ${seconds.toFixed(1)} s${goal}`);
  }
  lines.push(...held.map(({ what, holds }) => `    ${holds ? '✓' : '✗'} ${what}`));
  const unserved = answers.filter((answer) => !isServed(answer)).length;
  const allowed = unserved - failed.length;
  lines.push(
    `    ${answers.length} requests, ${failed.length} failed${allowed === 0 ? '' : `, ${allowed} more that may`}; ` +
      `median ${quantile(
        answers.map(({ took }) => took),
        0.5,
      ).toFixed(0)} ms, ` +
      `slowest ${quantile(
        answers.map(({ took }) => took),
        1,
      ).toFixed(0)} ms`,
  );
  for (const { at, status, error: reason, pod, connection } of failed.slice(0, 5)) {
    const by = pod === '' ? '' : ` by ${pod}`;
    lines.push(`      ${(at / 1000).toFixed(1)} s, ${connection} connection: ${status || reason}${by}`);
  }
  if (error !== undefined) {
    lines.push(`    could not be ended: ${error}`);
  }
  if (left !== undefined) {
    lines.push(`    could not be put back: ${left}`);
  }
  return lines.join('\n');
}

/** The run as JSON: what was asked and answered second by second, and all that failed. */
export function asJson(result: Result): object {
  const { answers, ...rest } = result;
  const bySecond = Map.groupBy(answers, ({ at }) => Math.floor(at / 1000));
  return {
    ...rest,
    passed: passed(result),
    requests: answers.length,
    perSecond: [...bySecond].map(([second, own]) => ({
      second,
      answers: own.length,
      failed: own.filter((answer) => !isServed(answer)).length,
      slowest: Math.round(
        quantile(
          own.map(({ took }) => took),
          1,
        ),
      ),
      byPod: Object.fromEntries(
        [
          ...Map.groupBy(
            own.filter(({ pod }) => pod !== ''),
            ({ pod }) => pod,
          ),
        ].map(([pod, list]) => [pod, list.length]),
      ),
    })),
  };
}

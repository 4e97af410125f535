import { benchFlow } from './bench/flow.ts';
import { CannotRun, run } from './cli.ts';

const help = `
Usage: npm run bench -- flow [--rounds N] [--json]

Measures on a cluster of its own, begun from nothing and taken away again:
  flow   push → Synced, push → every replica ready, drift → healed

  --rounds N  how often each is done (default 20)
  --json      the seconds of every round instead of the table

Exit code: 0 measured, 2 cannot run.
`;

await run(
  { help, options: { rounds: { type: 'string' }, json: { type: 'boolean' } }, positionals: true },
  async ({ rounds = '20', json }, [subject]) => {
    if (subject !== 'flow') {
      throw new CannotRun(`${subject ?? 'nothing'} cannot be measured: say "flow". See --help.`);
    }
    if (!/^[1-9]\d{0,3}$/.test(rounds)) {
      throw new CannotRun(`--rounds ${rounds}: give a number from 1 to 9999.`);
    }
    const series = await benchFlow(Number(rounds));
    process.stdout.write(`${json === true ? JSON.stringify(series, null, 2) : table(series)}\n`);
    return 0;
  },
);

function table(series: Record<string, number[]>): string {
  const row = (...cells: string[]) => cells.map((cell, index) => cell.padEnd(index === 0 ? 26 : 9)).join('');
  const lines = Object.entries(series).map(([name, seconds]) => {
    const sorted = seconds.toSorted((a, b) => a - b);
    const at = (share: number) => `${(sorted[Math.ceil(share * sorted.length) - 1] ?? 0).toFixed(2)} s`;
    return row(name, String(sorted.length), at(0.5), at(0.95), at(1));
  });
  return [row('', 'rounds', 'median', 'p95', 'worst'), ...lines].join('\n').replaceAll(/ +$/gm, '');
}

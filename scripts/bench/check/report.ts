import { agreed, type CheckBenchmark, type Result, type Size } from '../check.ts';
import { quantile } from '../quantile.ts';
import { own } from './contestants.ts';
import { samplePeriod } from './measure.ts';
import { type ComparedRule, comparedRules, ruleNames } from './rules.ts';

/** The tables, for a reader at a terminal or of a Markdown file. */
export function tables(benchmark: CheckBenchmark): string {
  const sizes = benchmark.sizes.map((size) => {
    const megabytes = (size.bytes / 1e6).toFixed(size.bytes < 1e5 ? 2 : 1);
    const title = `### ${count(size.objects)} objects`;
    const about = `One file of ${megabytes} MB; each rule is broken by ${count(size.seeded)} of them; ${size.rounds} rounds.`;
    return [title, '', about, '', costs(size)].join('\n');
  });
  return [...sizes, '### Verdicts', verdicts(benchmark)].join('\n\n');
}

/** All that was measured, for a program: every round's seconds and bytes, and the objects that a tool judges otherwise. */
export function asJson({ machine, tools, sizes }: CheckBenchmark): string {
  const benchmark = {
    machine,
    tools: tools.map(({ name, versions, rules }) => ({ name, versions, rules })),
    sizes: sizes.map((size) => ({
      ...size,
      results: size.results.map((result) => ({
        ...result,
        verdicts: Object.fromEntries(result.verdicts),
        compared: agreed(result),
      })),
    })),
  };
  return JSON.stringify(benchmark, null, 2);
}

/** docs/benchmarks.md: the tables, and all one must know to believe or repeat them. */
export function document(benchmark: CheckBenchmark, command: string): string {
  const { machine, tools } = benchmark;
  return `# Benchmarks of the check

Written by \`${command}\` on ${machine.date} at commit ${machine.commit}; running it again writes this file anew.

- Machine: ${machine.processor}, ${machine.memory}, ${machine.system}.
- Load average before the first run: ${machine.load}.
${tools.map(({ name, versions }) => `- ${name}: ${versions}.`).join('\n')}
- The others, and the programs that the check runs, are built with ${machine.go} from the modules that scripts/tools
  pins, without cgo.

## Results

${summary(benchmark)}

${tables(benchmark)}

"✓": the tool names exactly the objects that were spoilt, at every size. "–": it has no such rule. Otherwise: how many
of them it names over all sizes, and how many others besides; it is not compared on that rule, though its time is spent
on it too. The count of rules in the tables above leaves such rules out.

## What is compared

Every tool reads the same YAML file and writes JSON. The rules are those of policies/ that others have too, and the
schemas' unknown-field. For conftest they are written as rego and for Kyverno as ClusterPolicies
(scripts/bench/check/); of kube-score the matching checks are run and the others ignored:

${ruleNames.map((rule) => `- ${rule}: ${comparedRules[rule]}`).join('\n')}

How it is measured:

- The objects are generated from a seed: web applications, workers, databases and reports, with their Services,
  ConfigMaps, ServiceAccounts, disruption budgets and network policies. All but the spoilt ones keep all of policies/.
- Time is wall time of the whole program, start to end. kubeconform and conftest run one after the other, and their
  times are added up.
- Memory is the highest sum of resident memory of the program and all that it starts, looked at every ${samplePeriod.first} ms
  at first and every ${samplePeriod.longest} ms later, and at least what one of them ever held. Pages that they share count for each.
- One run of each tool warms the file cache and gives the verdicts above. Then the tools take turns, each round
  beginning with another one. p95 is the nearest rank: of fewer than 20 rounds it is the slowest.

## What is not

- The check judges these rules alone (\`--rule\`), and the schemas besides, and finds the line of each finding. The
  render of policies/ it keeps from the run before, as it does for everyone.
- Kyverno's newer kinds of policy: it says that ClusterPolicies are deprecated, and judges them.
- kube-score and Kyverno do not validate objects against schemas here; the check and kubeconform do, against the same
  schemas on disk.
- kube-score asks for probes only where a Service selects the pod, and for one of each in the whole pod.
- What npm adds: the check is started as npm starts it, with the pinned Node.js, but npm and scripts/run.mjs run before.
- Rendering (the file is already rendered), building the tools, writing the schemas the first time, cold file caches.
`;
}

/** How each of the others compares at each size, in words: faster where it is faster. */
function summary({ sizes }: CheckBenchmark): string {
  return sizes
    .map((size) => {
      const ours = size.results.find(({ tool }) => tool === own);
      const others = size.results.filter(({ tool, rounds }) => tool !== own && rounds.length > 0);
      if (ours === undefined) {
        return '';
      }
      const words = others.map((other) => {
        const ratio = median(ours, 'seconds') / median(other, 'seconds');
        if (Math.abs(Math.log(ratio)) < Math.log(1.05)) {
          return `about the time of ${other.tool}`;
        }
        return ratio > 1
          ? `${ratio.toFixed(1)} times the time of ${other.tool}`
          : `${(1 / ratio).toFixed(1)} times as fast as ${other.tool}`;
      });
      return `- ${count(size.objects)} objects: the check takes ${seconds(median(ours, 'seconds'))}: ${words.join(', ')}.`;
    })
    .join('\n');
}

function costs({ results }: Size): string {
  const ours = results.find(({ tool }) => tool === own);
  const rows = results.map((result) => {
    if (result.rounds.length === 0) {
      return [result.tool, 'not compared', '', '', '', '', ''];
    }
    const ratio = (of: 'seconds' | 'bytes') =>
      ours === undefined ? '' : `${(median(result, of) / median(ours, of)).toFixed(2)} ×`;
    return [
      result.tool,
      `${agreed(result).length} of ${ruleNames.length}`,
      seconds(median(result, 'seconds')),
      seconds(quantile(values(result, 'seconds'), 0.95)),
      ratio('seconds'),
      `${Math.round(median(result, 'bytes') / 2 ** 20)} MiB`,
      `${Math.round(quantile(values(result, 'bytes'), 0.95) / 2 ** 20)} MiB`,
      ratio('bytes'),
    ];
  });
  return table(['tool', 'rules', 'time, median', 'p95', 'to ours', 'memory, median', 'p95', 'to ours'], rows);
}

/** The agreement of each tool on each rule, over all sizes. */
function verdicts({ tools, sizes }: CheckBenchmark): string {
  const cell = (tool: string, rule: ComparedRule): string => {
    const found = sizes.flatMap(({ results }) => {
      const agreement = results.find((result) => result.tool === tool)?.verdicts.get(rule);
      return agreement === undefined ? [] : [agreement];
    });
    const sum = (of: (agreement: (typeof found)[number]) => number) =>
      found.reduce((total, agreement) => total + of(agreement), 0);
    const seeded = sum((agreement) => agreement.seeded);
    const missed = sum((agreement) => agreement.missed.length);
    const besides = sum((agreement) => agreement.besides.length);
    if (found.length === 0) {
      return '–';
    }
    const others = besides === 0 ? '' : `, ${count(besides)} others`;
    return missed + besides === 0 ? '✓' : `${count(seeded - missed)} of ${count(seeded)}${others}`;
  };
  const names = tools.map(({ name }) => name);
  return table(
    ['rule', ...names],
    ruleNames.map((rule) => [rule, ...names.map((name) => cell(name, rule))]),
  );
}

function values({ rounds }: Result, of: 'seconds' | 'bytes'): number[] {
  return rounds.map((round) => round[of]);
}

function median(result: Result, of: 'seconds' | 'bytes'): number {
  return quantile(values(result, of), 0.5);
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}

function count(number: number): string {
  return number.toLocaleString('en');
}

/** A Markdown table whose columns also line up in a terminal; numbers, in all columns but the first, to the right. */
function table(head: string[], rows: string[][]): string {
  const width = (column: number) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length), 3);
  const line = (row: string[]) =>
    `| ${head.map((_, at) => (at === 0 ? (row[at] ?? '').padEnd(width(at)) : (row[at] ?? '').padStart(width(at)))).join(' | ')} |`;
  const rule = `| ${head.map((_, at) => (at === 0 ? '-'.repeat(width(at)) : `${'-'.repeat(width(at) - 1)}:`)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

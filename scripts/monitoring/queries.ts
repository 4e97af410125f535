import { parser } from '@prometheus-io/lezer-promql';
import { readDashboard } from './dashboard.ts';
import { rules } from './rules.ts';

/** An expression in PromQL and what asks it, such as `alert PostgresReplicationLag` or `panel Latency`. */
export interface Query {
  where: string;
  expr: string;
}

/** A series that an expression reads: its metric, and what its labels must be. `op` is =, !=, =~ or !~. */
export interface Selector {
  metric: string;
  matchers: { label: string; op: string; value: string }[];
}

/** What Grafana puts in place of its variables, by an example of each. */
const examples: Record<string, string> = { $environment: 'prod', $__rate_interval: '5m' };

/** What every rule and every panel asks, with examples in place of the dashboard's variables. */
export async function queries(): Promise<Query[]> {
  const asked = (await rules()).map(({ record, alert, expr }) => ({
    where: record === undefined ? `alert ${alert}` : `record ${record}`,
    expr,
  }));
  const shown = (await readDashboard()).panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      where: `panel ${title}`,
      expr: Object.entries(examples).reduce((text, [name, value]) => text.replaceAll(name, value), expr),
    })),
  );
  return [...asked, ...shown];
}

/** The series that an expression reads. @throws where it does not parse, or one has no metric's name in front */
export function selectorsIn(expr: string): Selector[] {
  const found: Selector[] = [];
  const text = ({ from, to }: { from: number; to: number }) => expr.slice(from, to);
  parser.parse(expr).iterate({
    enter: ({ name, type, from, node }) => {
      if (type.isError) {
        throw new Error(`this does not parse from its character ${from} on: ${expr}`);
      }
      if (name !== 'VectorSelector') {
        return;
      }
      const metric = node.getChild('Identifier');
      if (metric === null) {
        throw new Error(`${text(node)} names no metric`);
      }
      const matchers = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map(
        (matcher) => {
          const part = (kind: string) => text(matcher.getChild(kind) ?? matcher);
          return {
            label: part('LabelName'),
            op: part('MatchOp'),
            value: part('StringLiteral').slice(1, -1),
          };
        },
      );
      found.push({ metric: text(metric), matchers });
    },
  });
  return found;
}

import type { Finding, Rule } from '../model.ts';
import { type Judged, objectName, placeName, verdict } from './judged.ts';

/** What is judged apart from any environment: sources, apps/, argocd/ and policies/. */
const noEnvironment = 'repository';

/**
 * JUnit XML as CI servers read it: a suite per environment, in it a case per rule that holds, and one per finding.
 * Rules that could not be judged are skipped cases. JUnit knows no warning: one is a case that passed and says why.
 */
export function junit({ report, rules }: Judged): string {
  const { findings, coverage } = report;
  const found = Map.groupBy(findings, ({ environment }) => environment || noEnvironment);
  const names = [...new Set([noEnvironment, ...coverage.environments, ...found.keys()])];
  const suites = names.map((name) => {
    const own = found.get(name) ?? [];
    const broken = new Set(own.map(({ rule }) => rule));
    const failures = own.filter(({ severity }) => severity === 'error').length;
    // What did not render was held to nothing: its rules did not pass.
    const reason = broken.has('render-failed') ? 'not all of it rendered' : undefined;
    const notJudged = ({ id }: Rule) => reason !== undefined || coverage.passedOver.includes(id);
    const others = rules.filter(({ id }) => !broken.has(id));
    const [passed, skipped] = [others.filter((rule) => !notJudged(rule)), others.filter(notJudged)];
    const group = (id: string) => rules.find((rule) => rule.id === id)?.group ?? '';
    const cases = [
      ...own.map((finding) => foundCase(finding, `${name}.${group(finding.rule)}`)),
      ...passed.map(({ id, group }) => element('testcase', { classname: `${name}.${group}`, name: id })),
      ...skipped.map(({ id, group }) =>
        element('testcase', { classname: `${name}.${group}`, name: id }, [
          element('skipped', { message: reason ?? "no environment's parameters were given" }),
        ]),
      ),
    ];
    const counts = { tests: cases.length, failures, errors: 0, skipped: skipped.length };
    return { counts, xml: element('testsuite', { name, ...counts }, cases) };
  });
  const sum = (of: 'tests' | 'failures' | 'skipped') =>
    suites.reduce((total, { counts }) => total + counts[of], 0);
  const totals = { tests: sum('tests'), failures: sum('failures'), errors: 0, skipped: sum('skipped') };
  const xml = element(
    'testsuites',
    { name: `check: ${verdict(report)}`, ...totals },
    suites.map((suite) => suite.xml),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n${xml}`;
}

function foundCase(finding: Finding, classname: string): string {
  const { rule, severity, object, message, file, line } = finding;
  const place = placeName(finding);
  const name = `${rule}: ${[objectName(object), place].filter(Boolean).join(' at ')}`;
  const attributes = { classname, name, file, ...(line !== undefined && { line }) };
  const text = xmlText(`${place}\n${message}`);
  const said =
    severity === 'error'
      ? element('failure', { type: severity, message }, [text])
      : element('system-out', {}, [xmlText(`warning: ${message}\n`) + text]);
  return element('testcase', attributes, [said]);
}

function element(name: string, attributes: Record<string, string | number>, content: string[] = []): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${xmlText(String(value))}"`);
  const start = `<${name}${written.join('')}`;
  return content.length === 0 ? `${start}/>` : `${start}>\n${content.join('\n')}\n</${name}>`;
}

const entities: Record<string, string> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };

/** What XML 1.0 cannot hold at all, escaped or not (section 2.2, Char), becomes U+FFFD. */
function xmlText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[<>&"]/g, (character) => entities[character] ?? '')
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

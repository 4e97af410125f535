import { createHash } from 'node:crypto';
import type { Finding, Place, Rule } from '../model.ts';
import type { Judged } from './judged.ts';

const schema = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

/**
 * SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html): every rule that was held, and a
 * result per finding; the coverage is the run's properties. Files are relative to the root of the checkout.
 */
export function sarif({ report, rules, sourceLine }: Judged): string {
  const indexes = new Map(rules.map(({ id }, index) => [id, index]));
  const seen = new Map<string, number>();
  const results = report.findings.map((finding) => {
    const ruleIndex = indexes.get(finding.rule);
    const known = fingerprint(finding, sourceLine(finding));
    const occurrence = seen.get(known) ?? 0;
    seen.set(known, occurrence + 1);
    return {
      ruleId: finding.rule,
      ...(ruleIndex !== undefined && { ruleIndex }),
      level: finding.severity,
      message: { text: plainText(finding.message) },
      locations: [{ physicalLocation: physicalLocation(finding) }],
      partialFingerprints: { 'finding/v1': `${known}:${occurrence}` },
      properties: { environment: finding.environment, object: finding.object },
    };
  });
  const driver = { name: 'quotes-check', rules: rules.map(descriptor) };
  const runs = [{ tool: { driver }, columnKind: 'utf16CodeUnits', results, properties: report.coverage }];
  return JSON.stringify({ $schema: schema, version: '2.1.0', runs }, null, 2);
}

function descriptor({ id, group, severity, gates, why, fix }: Rule) {
  return {
    id,
    shortDescription: { text: plainText(why) },
    help: { text: plainText(`${why} ${fix}`) },
    defaultConfiguration: { level: severity },
    properties: { tags: [group], gates },
  };
}

function physicalLocation({ file, line, column }: Place) {
  const uri = file.split('/').map(encodeURIComponent).join('/');
  const region = { startLine: line, ...(column !== undefined && { startColumn: column }) };
  return { artifactLocation: { uri, uriBaseId: '%SRCROOT%' }, ...(line !== undefined && { region }) };
}

/** The same for a finding whose line moved: the text of the line stands in for its number. */
function fingerprint({ rule, environment, object, file, message }: Finding, line: string): string {
  const words = message.replace(/\b(line|column) \d+/g, '$1');
  const parts = [rule, environment, object.kind, object.namespace, object.name, file, line.trim(), words];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** Braces are placeholders and `[text](target)` a link even in plain text (sections 3.11.5 and 3.11.6). */
function plainText(text: string): string {
  return text.toWellFormed().replace(/[{}]/g, '$&$&').replaceAll('](', '] (');
}

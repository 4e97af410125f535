import { writeRulesCommand } from '../check/rule-docs.ts';
import { markdownTable } from '../markdown-table.ts';
import { grave, type ImpactRule, impacts, meanings } from './impacts/impact.ts';
import { impactRules } from './impacts/table.ts';

/** Where the rules of impacts are documented, relative to the root. */
export const impactsDocument = 'docs/impacts.md';

/** docs/impacts.md: what each impact means, and the rules in their order. */
export function impactsMarkdown(): string {
  const classes = impacts.map((impact) => [impact, meanings[impact], grave.includes(impact) ? 'yes' : 'no']);
  const rules = impactRules.map(
    (rule, index) => `${index + 1}. **${rule.id}**: ${rule.impact}. ${matched(rule)}. ${rule.why}`,
  );
  return `${[
    '# Impacts',
    `What \`npm run diff\` says a change does. Written by \`${writeRulesCommand}\`: change the rules in ` +
      '[scripts/diff/impacts](../scripts/diff/impacts), not this file.',
    markdownTable(['impact', 'where it is deployed', 'a commit must acknowledge it'], classes),
    'An object, and an environment, has the heaviest impact of what changes in it; the lightest is first above.',
    '## Rules',
    'The first rule that matches is the one. `data-removed` goes before them all: what [npm run check](rules.md#data-removed) ' +
      'finds to be lost is `data` here too. So is an environment that is removed.',
    rules.join('\n'),
  ].join('\n\n')}\n`;
}

function matched({ on, kinds, fields, when }: ImpactRule): string {
  const of = kinds === undefined ? 'Any object' : kinds.map((kind) => `\`${kind}\``).join(', ');
  const what = on === 'changed' ? (fields ?? ['any field']).map((field) => fieldText(field)).join(', ') : on;
  return `${of}: ${what}${when === undefined ? '' : `, where ${when.says}`}`;
}

function fieldText(field: string): string {
  return field === 'any field' ? field : `\`${field}\``;
}

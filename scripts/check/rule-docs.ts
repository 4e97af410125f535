import { markdownTable } from '../markdown-table.ts';
import type { CatalogueEntry } from './catalogue.ts';
import { gatesInWords } from './rule-pages.ts';

/** Where the rules are documented, relative to the root, and what writes it anew. */
export const rulesDocument = 'docs/rules.md';
export const writeRulesCommand = 'npm run check -- --write';

/** docs/rules.md: a line per rule, then a section per group, in it one per rule with its examples. */
export function rulesMarkdown(entries: CatalogueEntry[]): string {
  const groups = Map.groupBy(entries, ({ group }) => group);
  const rows = [...groups.values()].flat().map(({ id, gates, group, why }) => {
    const held = gates === 'both' ? 'pull request, cluster' : gates;
    return [`[${id}](#${id})`, group, held, why.replaceAll('|', '\\|')];
  });
  const sections = [...groups].flatMap(([group, own]) => [`## Rules on ${group}`, ...own.flatMap(section)]);
  return `${[
    '# Rules',
    `What \`npm run check\` holds. Written by \`${writeRulesCommand}\`: change the rules, not this file.`,
    'Examples are patches to [policies/example](../policies/example), a namespace that keeps every rule. Those of the ' +
      'rules on sources, migrations, data, freezes and promotion are files instead: a line `#= PATH` begins each, and ' +
      '`#= git commit` is a commit of them, the first one and `#= git commit main` that of the default branch.',
    markdownTable(['rule', 'group', 'held at', 'why'], rows),
    ...sections,
  ].join('\n\n')}\n`;
}

function section(entry: CatalogueEntry): string[] {
  const { id, severity, gates, why, fix, definedIn } = entry;
  const examples = (['valid', 'invalid'] as const).flatMap((kind) => {
    const text = entry[kind]?.text;
    return text === undefined ? [] : [`<details><summary>${kind}</summary>\n\n${fenced(text)}\n\n</details>`];
  });
  return [
    `### ${id}`,
    `${capital(severity)}, held by ${gatesInWords(gates)}. [${definedIn}](../${definedIn})`,
    why,
    fix,
    ...examples,
  ];
}

/** The fence is longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}yaml\n${text}\n${fence}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

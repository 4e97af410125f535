import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CannotRun } from '../cli.ts';
import type { CatalogueEntry } from './catalogue.ts';
import { rulesMarkdown } from './rule-docs.ts';
import { ruleNamed, rulePage, ruleTable } from './rule-pages.ts';

const probes: CatalogueEntry = {
  id: 'probes',
  group: 'probes',
  severity: 'error',
  gates: 'both',
  why: 'A hung pod that nobody probes stays where it is.',
  fix: 'Add the probe.',
  definedIn: 'policies/probes/policy.yaml',
  invalid: { file: 'policies/probes/invalid.yaml', text: 'a: |\n  ```\n\nb: 2' },
};
const schema: CatalogueEntry = { ...probes, id: 'schema', group: 'sources', gates: 'pull request' };

test('the table folds its last column at whole words, and not at all into a pipe', () => {
  assert.equal(
    ruleTable([probes], false, 70),
    `RULE    GROUP   SEVERITY  GATES  WHY
probes  probes  error     both   A hung pod that nobody probes stays
                                 where it is.`,
  );
  assert.equal(ruleTable([probes, schema], false, Number.POSITIVE_INFINITY).split('\n').length, 3);
});

test('a page indents its examples, and leaves out those that are not there', () => {
  const page = rulePage(probes, false);
  assert.match(page, /\n\ninvalid policies\/probes\/invalid\.yaml\n {2}a: \|\n {4}```\n\n {2}b: 2$/);
  assert.doesNotMatch(page, /^valid/m);
});

test('a rule that is not there is answered with the nearest names first', () => {
  assert.equal(ruleNamed([probes, schema], 'schema'), schema);
  assert.throws(
    () => ruleNamed([schema, probes], 'prob'),
    new CannotRun('there is no rule "prob". The nearest: probes, schema. --list shows all.'),
  );
});

test('the document links each rule to a heading of its own, and no example ends its fence', () => {
  const document = rulesMarkdown([probes, schema]);
  const headings = [...document.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replaceAll(' ', '-'),
  );
  assert.equal(new Set(headings).size, headings.length);
  for (const [, target = ''] of document.matchAll(/\(#([^)]+)\)/g)) {
    assert.ok(headings.includes(target), target);
  }
  assert.match(document, /\n````yaml\na: \|\n {2}```\n\nb: 2\n````\n/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copy, findingsOf, lineOf, spoil } from './spoilt-copy.ts';

/** What is spoilt, the rule that must fire and no other, where, in which environments, and the words it must say. */
export type Mutation = {
  what: string;
  file: string;
  from: string | RegExp;
  to: string;
  rule: string;
  /** What follows from it by another rule, in the same environments. */
  besides?: string;
  at?: { file?: string; text?: string };
  environments: string[];
  says: RegExp;
};

/** A test of each. */
export function testMutations(mutations: Mutation[]): void {
  for (const { what, file, from, to, rule, besides, at = {}, environments, says } of mutations) {
    test(`${what} is found by ${rule} alone, where it is`, async (t) => {
      const root = await copy(t);
      await spoil(root, file, from, to);
      const found = await findingsOf(root);
      // What does not render says so besides.
      const own = found.filter((finding) => finding.rule !== 'render-failed' && finding.rule !== besides);
      assert.deepEqual(
        own.map((finding) => finding.rule),
        environments.map(() => rule),
        JSON.stringify(found, null, 1),
      );
      assert.deepEqual(
        own.map((finding) => finding.environment),
        environments,
      );
      for (const finding of own) {
        assert.match(finding.message, says);
        assert.equal(finding.file, at.file ?? file);
        if (at.text !== undefined) {
          assert.equal(finding.line, await lineOf(root, finding.file, at.text));
        }
      }
    });
  }
}

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { repoRoot } from '../../paths.ts';
import { isMeant, type Match, ownMatches } from './patterns.ts';

/** A credential in a text. What it is itself is said nowhere: `fingerprint` tells one from another. */
export type Secret = { what: string; line: number; fingerprint: string };

/** What is larger has no credentials that somebody wrote, in bytes. */
export const largest = 1024 * 1024;

const preset = '@secretlint/secretlint-rule-preset-recommend';

/** Changes with what is found: the packages, and these files. */
export const scannerVersion = createHash('sha256')
  .update(readFileSync(path.join(repoRoot, 'node_modules', preset, 'package.json')))
  .update(readFileSync(path.join(import.meta.dirname, 'patterns.ts')))
  .update(readFileSync(path.join(import.meta.dirname, 'scanner.ts')))
  .digest('hex')
  .slice(0, 12);

/** The credentials in a file. One that is binary, or larger than a megabyte, has none. */
export async function secretsIn(file: string, content: Buffer): Promise<Secret[]> {
  if (content.length > largest || content.includes(0)) {
    return [];
  }
  const text = content.toString();
  const found = [...(await presetMatches(file, text)), ...ownMatches(text)];
  // Two rules may know the same one: the first names it.
  const apart = found.filter(
    ({ start, end }, index) => !found.slice(0, index).some((other) => other.start < end && start < other.end),
  );
  return apart.map(({ what, start, end }): Secret => {
    const fingerprint = createHash('sha256').update(text.slice(start, end)).digest('hex').slice(0, 16);
    return { what, line: text.slice(0, start).split('\n').length, fingerprint };
  });
}

async function presetMatches(file: string, text: string): Promise<Match[]> {
  // Loaded when there is something to look at: mostly all is known already.
  const { lintSource } = await import('@secretlint/core');
  const { creator } = await import('@secretlint/secretlint-rule-preset-recommend');
  const { messages } = await lintSource({
    source: { filePath: file, content: text, ext: path.extname(file), contentType: 'text' },
    options: {
      noPhysicFilePath: true,
      maskSecrets: true,
      config: {
        rules: [
          {
            id: preset,
            rule: creator,
            // Its comments would accept a finding without who, why and until when.
            rules: [{ id: '@secretlint/secretlint-rule-filter-comments', disabled: true }],
          },
        ],
      },
    },
  });
  return messages
    .map(({ message, ruleId, range: [start, end] }) => ({ what: inWords(message, ruleId), start, end }))
    .filter(({ start, end }) => isMeant(passwordOf(text.slice(start, end))));
}

/** `found GitHub Token(****): ****` without what is masked. */
function inWords(message: string, ruleId: string): string {
  const [, what] = /^found ([\w '.-]+)[(:]/.exec(message) ?? [];
  return what ?? ruleId.replace('@secretlint/secretlint-rule-', '');
}

/** The password of a URL, or the whole where it is none. */
function passwordOf(match: string): string {
  return /:\/\/[^/?#@:\s]*:([^@\s]*)@/.exec(match)?.[1] ?? 'a key';
}

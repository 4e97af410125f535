import type { Answer } from './api-server.ts';
import { namespaces } from './cluster.ts';

/** What was said, as `RULE: MESSAGE`, each once, sorted. An error's words are each implementation's own. */
export function sentences(said: (readonly [rule: string, message: string])[]): string[] {
  const all = said.map(([rule, message]) =>
    /resulted in error|ended in an error/.test(message) ? `${rule}: an error` : `${rule}: ${message}`,
  );
  return [...new Set(all)].sort();
}

/** What policies warned of in the namespace where all only warn, in the words of the one where they deny. */
export function warnedSentences({ warnings }: Answer): string[] {
  return sentences(
    warnings.flatMap((warning) => {
      const [, rule, message] =
        /ValidatingAdmissionPolicy '([^']+)' with binding '[^']+': (.*)/s.exec(warning) ?? [];
      return rule === undefined || message === undefined
        ? []
        : [[rule, message.replaceAll(namespaces.warn, namespaces.deny)] as const];
    }),
  );
}

/** What a policy denied an object for, undefined where none did. */
export function denialSentence({ body }: Answer): string | undefined {
  const [, rule, message] =
    /ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request: (.*)/s.exec(
      String(body.message),
    ) ?? [];
  return rule === undefined || message === undefined ? undefined : sentences([[rule, message]])[0];
}

/** A credential in a text: what it is, in words, and where its value is. */
export type Match = { what: string; start: number; end: number };

/** What a value is assigned to. Names that say where a secret is, how long it holds or what it is called are none. */
const secretName =
  '(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|credential)s?';

/** What secretlint's recommended rules lack. The group `value` is the credential. */
const patterns: { what: string; pattern: RegExp; isOne?: (value: string) => boolean }[] = [
  { what: 'JWT', pattern: /(?<value>\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{16,})/g },
  {
    // As in a kubeconfig's client-key-data, or a Secret's data.
    what: 'private key in base64',
    pattern: /(?<value>\bLS0tLS1CRUdJTi[A-Za-z0-9+/]{40,}={0,2})/g,
    isOne: (value) => /PRIVATE KEY/.test(Buffer.from(value.slice(0, 80), 'base64').toString()),
  },
  {
    what: 'password in a URL',
    pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^/?#@:\s'"`]{1,100}:(?<value>[^/?#@\s'"`]{3,200})@/gi,
    isOne: isMeant,
  },
  {
    what: 'secret that is assigned',
    pattern: new RegExp(
      `${secretName}["']?\\s*[:=]\\s*(?:["'\`](?<quoted>[\\w+/=.~-]{16,200})["'\`]|(?<value>[\\w+/=.~-]{16,200})\\s*$)`,
      'gim',
    ),
    isOne: isRandom,
  },
];

/** What is in a text that secretlint does not know. */
export function ownMatches(text: string): Match[] {
  return patterns.flatMap(({ what, pattern, isOne }) =>
    [...text.matchAll(pattern)].flatMap((match): Match[] => {
      const value = match.groups?.value ?? match.groups?.quoted ?? '';
      const start = match.index + match[0].lastIndexOf(value);
      return isOne?.(value) === false ? [] : [{ what, start, end: start + value.length }];
    }),
  );
}

/** What stands in examples for a password: nobody is let in by it, as everybody knows it. */
const known =
  /^(letmein|hunter2|changeme|(your-?)?password|pass(word)?\d{0,3}|secret|pwd|token|postgres|example|user|x+|\*+|\.{3,})$/i;

/** Whether the password of a URL is one, and neither a placeholder nor a variable. */
export function isMeant(value: string): boolean {
  return !known.test(value) && !/[$<>{}%[\]()]|^\W+$/.test(value);
}

/** Whether a value is what a generator makes, and no word, name, path or number. */
function isRandom(value: string): boolean {
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/].filter((kind) => kind.test(value)).length;
  const isHex = /^[0-9a-f]{24,}$/i.test(value) && kinds > 1;
  return (isHex || (kinds === 3 && !/[./]\w*[./]/.test(value))) && entropy(value) > 3;
}

/** Bits a character, after Shannon. */
function entropy(value: string): number {
  const counts = Map.groupBy(value, (character) => character).values();
  return [...counts].reduce((sum, { length }) => {
    const share = length / value.length;
    return sum - share * Math.log2(share);
  }, 0);
}

/** What Argo CD says of a commit that its project does not take, as util/sourceintegrity of its source words it. */
const refusal =
  /^GIT\/GPG: Failed verifying revision (?<commit>[0-9a-f]{40,64}) by '(?<author>.*)': (?<why>.*) \(key_id=(?<key>\w*)\)$/;

const sign =
  'sign it ("git commit --amend --no-edit --gpg-sign"), or what others built on by a signed commit above it ' +
  '("git commit --allow-empty --gpg-sign --trailer Argocd-gpg-seal:WHY"), and push';

/**
 * What a condition's message says of commits that are not signed as apps/signed-commits asks: a line for the newest, and
 * how many more there are; undefined where it is about something else.
 */
export function unsignedCommits(message: string): string | undefined {
  const [first, ...more] = message.split('\n').flatMap((line) => {
    const found = refusal.exec(line);
    return found === null ? [] : [found];
  });
  if (first === undefined) {
    return undefined;
  }
  const { commit = '', author, why, key } = first.groups ?? {};
  const others = more.length === 0 ? '' : ` (and ${more.length} before it)`;
  const remedy =
    why === 'unsigned' ? sign : `have ${key} in argocd/signers.yaml and apps/signed-commits, or ${sign}`;
  return `not deployed: ${commit.slice(0, 12)} by ${author}${others} is ${why}: ${remedy}`;
}

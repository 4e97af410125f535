import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unsignedCommits } from './unsigned-commits.ts';

const refused = (commit: string, why: string, key = '') =>
  `GIT/GPG: Failed verifying revision ${commit.repeat(40)} by 'Ada <ada@example.org>': ${why} (key_id=${key})`;

test('a commit that is not signed is named with its author and what to do, in one line', () => {
  assert.equal(
    unsignedCommits(refused('a', 'unsigned')),
    'not deployed: aaaaaaaaaaaa by Ada <ada@example.org> is unsigned: sign it ' +
      '("git commit --amend --no-edit --gpg-sign"), or what others built on by a signed commit above it ' +
      '("git commit --allow-empty --gpg-sign --trailer Argocd-gpg-seal:WHY"), and push',
  );
});

test('of several the newest is named and the others are counted', () => {
  const several = [refused('a', 'unsigned'), refused('b', 'unsigned'), refused('c', 'unsigned')].join('\n');
  assert.match(unsignedCommits(several) ?? '', /^not deployed: a{12} by Ada <.*> \(and 2 before it\) is uns/);
});

test('a key that nobody knows is named with where keys are', () => {
  for (const why of ['signed with key not in keyring', 'signed with unallowed key']) {
    assert.match(
      unsignedCommits(refused('a', why, '4AEE18F83AFDEB23')) ?? '',
      /is signed with .*: have 4AEE18F83AFDEB23 in argocd\/signers.yaml and apps\/signed-commits, or sign it/,
    );
  }
});

test('another complaint is none of it', () => {
  assert.equal(unsignedCommits('Failed to load target state: rpc error'), undefined);
});

import { type KeyObject, sign } from 'node:crypto';
import type { Artifact } from './artifact.ts';

// Both are as `cosign verify` and `cosign verify-attestation` read them: a cluster may ask by either, or another of
// what knows them. https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
const signatureOf = 'dev.cosignproject.cosign/signature';

const tagOf = (digest: string, what: 'sig' | 'att') => `${digest.replace(':', '-')}.${what}`;

/** Says, by a key, that a repository's image has this digest. */
export function imageSignature(repository: string, digest: string, key: KeyObject): Artifact {
  const content = JSON.stringify({
    critical: {
      identity: { 'docker-reference': repository },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: null,
  });
  return {
    tag: tagOf(digest, 'sig'),
    mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
    content,
    annotations: { [signatureOf]: sign('sha256', Buffer.from(content), key).toString('base64') },
  };
}

/** Says, by a key, what is in the image of this digest: an in-toto statement whose predicate is a CycloneDX SBOM. */
export function sbomAttestation(repository: string, digest: string, sbom: string, key: KeyObject): Artifact {
  const predicateType = 'https://cyclonedx.org/bom';
  const statement = JSON.stringify({
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType,
    subject: [{ name: repository, digest: { sha256: digest.replace('sha256:', '') } }],
    predicate: JSON.parse(sbom) as unknown,
  });
  const payloadType = 'application/vnd.in-toto+json';
  // DSSE's encoding of what is signed: no type can be taken for another.
  const signed = `DSSEv1 ${payloadType.length} ${payloadType} ${Buffer.byteLength(statement)} ${statement}`;
  const sig = sign('sha256', Buffer.from(signed), key).toString('base64');
  return {
    tag: tagOf(digest, 'att'),
    mediaType: 'application/vnd.dsse.envelope.v1+json',
    content: JSON.stringify({
      payloadType,
      payload: Buffer.from(statement).toString('base64'),
      signatures: [{ sig }],
    }),
    annotations: { [signatureOf]: '', predicateType },
  };
}

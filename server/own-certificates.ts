/**
 * What the certificates of the server's own keys say.
 */

import type { CaCertificate } from '../ca/ca-chain.ts';
import type { DelegationName } from '../ca/ca-state.ts';
import type { CertificatePlan } from '../ca/certificate-plan.ts';
import {
  cmcResponderProfile,
  ocspResponderProfile,
  type Profile,
  tlsServerProfile,
} from '../ca/certificate-profile.ts';
import { readDer } from '../ca/der.ts';
import { encodeSubject, readName } from '../ca/distinguished-name.ts';
import { readPublicKey } from '../ca/key-rules.ts';
import { makeCredentialId } from '../enrollment/one-time-password.ts';

const delegations: Readonly<Record<DelegationName, { profile: Profile; name: string }>> = {
  cmc: { profile: cmcResponderProfile, name: 'CMC' },
  ocsp: { profile: ocspResponderProfile, name: 'OCSP' },
};

/**
 * For a key that signs answers in an issuing CA's name.
 * @param publicKey SubjectPublicKeyInfo, DER
 * @param by who orders it, for the audit log
 */
export function delegatedPlan(
  which: DelegationName,
  issuing: CaCertificate,
  publicKey: Uint8Array,
  by: string,
): CertificatePlan {
  const { profile, name } = delegations[which];
  const subject = encodeSubject({ commonName: nameUnder(issuing.subject, name) });
  return ownPlan({ profile, subject, subjectAltNames: [], publicKey, by });
}

/**
 * For the server's TLS key.
 * @param names canonical texts, such as `DNS:est.example`
 */
export function tlsServerPlan(
  names: readonly string[],
  publicKey: Uint8Array,
  by: string,
): CertificatePlan {
  const [, first = 'localhost'] = /^[A-Z]+:(.*)$/.exec(names[0] ?? '') ?? [];
  // upper bound of a common name (RFC 5280 appendix A.1)
  const subject = encodeSubject({ commonName: first.slice(0, 64) });
  return ownPlan({ profile: tlsServerProfile, subject, subjectAltNames: names, publicKey, by });
}

interface OwnCertificate extends Pick<CertificatePlan, 'profile' | 'subject' | 'subjectAltNames'> {
  readonly publicKey: Uint8Array;
  readonly by: string;
}

function ownPlan({ publicKey, by, ...said }: OwnCertificate): CertificatePlan {
  return {
    ...said,
    publicKey: readPublicKey(readDer(publicKey)),
    endpoints: [],
    credential: { kind: 'operator', id: by },
    requestId: makeCredentialId(),
  };
}

/** `Acme Issuing CA` makes `Acme CMC`. */
function nameUnder(issuer: Uint8Array, name: string): string {
  const above = readName(readDer(issuer)).find(({ type }) => type === 'commonName')?.text ?? 'CA';
  // upper bound of a common name (RFC 5280 appendix A.1)
  return `${above.replace(/ Issuing CA/, '').slice(0, 63 - name.length)} ${name}`;
}

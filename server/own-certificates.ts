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
import { encodeName, readName } from '../ca/distinguished-name.ts';
import { readPublicKey } from '../ca/key-rules.ts';
import { renderSubject, type TemplateValues } from '../ca/subject-template.ts';
import type { ActiveProfiles } from '../enrollment/active-profiles.ts';
import { makeCredentialId } from '../enrollment/one-time-password.ts';

const delegations: Readonly<Record<DelegationName, Profile>> = {
  cmc: cmcResponderProfile,
  ocsp: ocspResponderProfile,
};

/** The active ones; those built in, where a certificate is made without them. */
type OwnProfiles = Pick<ActiveProfiles, 'named'>;
const builtIn: OwnProfiles = { named: (name) => builtInOwn(name) };

function builtInOwn(name: string): Profile {
  const profile = [tlsServerProfile, ...Object.values(delegations)].find(
    (each) => each.name === name,
  );
  if (!profile) throw new RangeError(`The profile ${name} is not for keys of the CA itself.`);
  return profile;
}

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
  profiles = builtIn,
): CertificatePlan {
  const profile = profiles.named(delegations[which].name);
  const subject = subjectOf(profile, { ca: nameOf(issuing.subject, roomIn(profile)) });
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
  profiles = builtIn,
): CertificatePlan {
  const [, first = 'localhost'] = /^[A-Z]+:(.*)$/.exec(names[0] ?? '') ?? [];
  const profile = profiles.named(tlsServerProfile.name);
  const subject = subjectOf(profile, { host: first.slice(0, roomIn(profile)) });
  return ownPlan({ profile, subject, subjectAltNames: names, publicKey, by });
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

function subjectOf({ subject }: Profile, values: TemplateValues): Uint8Array {
  return encodeName(renderSubject(subject, values));
}

/** Characters that the longest text of the template leaves for a value: 64 are the upper bound of RFC 5280 appendix A.1. */
function roomIn({ subject }: Profile): number {
  const fixed = subject.map(({ text }) => text.replace(/\{[^}]*\}/g, '').length);
  return 64 - Math.max(0, ...fixed);
}

/** `Acme Issuing CA` is `Acme`. */
function nameOf(issuer: Uint8Array, longest: number): string {
  const above = readName(readDer(issuer)).find(({ type }) => type === 'commonName')?.text ?? 'CA';
  return above.replace(/ Issuing CA/, '').slice(0, longest);
}

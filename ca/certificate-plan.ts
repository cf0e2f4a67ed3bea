import type { Profile } from './certificate-profile.ts';
import type { PublicKey } from './key-rules.ts';

/** What authorised a certificate: on record, and what a repeated request is recognised by. */
export interface Credential {
  readonly kind: 'one-time-password' | 'client-certificate' | 'operator';
  /** Credential id, serial number of the certificate presented, or the operator's account. */
  readonly id: string;
}

/** Everything a certificate will say, decided before signing; serial number and dates are the CA's to add. */
export interface CertificatePlan {
  readonly profile: Profile;
  /** Name, DER. */
  readonly subject: Uint8Array;
  /** Canonical text, such as `DNS:host.example`. */
  readonly subjectAltNames: readonly string[];
  readonly publicKey: Pick<PublicKey, 'subjectPublicKeyInfo' | 'subjectPublicKey'>;
  /** Absolute URIs in order of preference. */
  readonly endpoints: readonly string[];
  /** The device the certificate is for; absent for the server's own certificate. */
  readonly subscriber?: string;
  readonly credential: Credential;
  /** Whether the request was proven to come by the connection it names (RFC 7030 section 3.5); for the audit log. */
  readonly linking?: 'verified' | 'absent';
  /** Finds the request in the log and in the audit log. */
  readonly requestId: string;
}

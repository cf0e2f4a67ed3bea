import type { Profile } from './certificate-profile.ts';
import type { PublicKey } from './key-rules.ts';

/** What authorised a certificate: on record, and what a repeated request is recognised by. */
export interface Credential {
  readonly kind:
    | 'one-time-password'
    | 'client-certificate'
    | 'factory-certificate'
    | 'bootstrap-credential'
    | 'request-key'
    | 'registration-authority'
    | 'operator';
  /**
   * Credential id, serial number of the certificate presented, SHA-256 of the SubjectPublicKeyInfo of a factory
   * certificate or of the request where that alone was shown, or the operator's account.
   */
  readonly id: string;
}

/** `waived` where a registration authority vouches for the request (RFC 7030 section 3.7). */
export type LinkingProof = 'verified' | 'absent' | 'waived';

/** Everything a certificate will say, decided before signing; serial number and dates are the CA's to add. */
export interface CertificatePlan {
  readonly profile: Profile;
  /** Name, DER. */
  readonly subject: Uint8Array;
  /** Canonical text, such as `DNS:host.example`. */
  readonly subjectAltNames: readonly string[];
  readonly publicKey: Pick<PublicKey, 'subjectPublicKeyInfo' | 'subjectPublicKey'>;
  /**
   * Where the key was made here: what stands on record for the key in the request, by which a repetition is known
   * (RFC 7030 section 4.4.1); SHA-256, hexadecimal.
   */
  readonly requestKeyDigest?: string;
  /** Absolute URIs in order of preference. */
  readonly endpoints: readonly string[];
  /** Regions that the request showed, by where; kept on record with the certificate. */
  readonly foundRegions?: Readonly<Record<string, string>>;
  /** The device the certificate is for; absent for the server's own certificate. */
  readonly subscriber?: string;
  /** Present where the device is not on record yet, and is to be with this certificate; in the words of the registry. */
  readonly registration?: Readonly<Record<string, string>>;
  readonly credential: Credential;
  /** The registration authority that asked for it, whose certificate is the credential. */
  readonly relayedBy?: string;
  /** The approval it needs; used up by the issuance. */
  readonly approval?: string;
  /** The device's secret to revoke it with, concealed (RFC 7894 section 3.2). */
  readonly revocationChallenge?: string;
  /** Serial number of the certificate that this one takes the place of, and that is revoked for it. */
  readonly supersedes?: string;
  /** Whether that is done with the issuance of this one, and not first with its first use. */
  readonly supersedesAtOnce?: boolean;
  /** Whether the request was proven to come by the connection it names (RFC 7030 section 3.5); for the audit log. */
  readonly linking?: LinkingProof;
  /** Finds the request in the log and in the audit log. */
  readonly requestId: string;
}

/** A plan for a key that is still to be made. */
export type KeylessPlan = Omit<CertificatePlan, 'publicKey' | 'requestKeyDigest'> & {
  readonly requestKeyDigest: string;
};

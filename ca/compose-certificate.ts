/**
 * Plan and profile in, to-be-signed certificate out (RFC 5280 section 4.1).
 * What is the same in every certificate of a profile is encoded once, by pkijs; a certificate then costs a few
 * concatenations, which matters when a fleet comes back after a power cut.
 */

import { keyIdentifierOf } from './certificate.ts';
import type { CertificatePlan } from './certificate-plan.ts';
import type { Profile, StatusPointer } from './certificate-profile.ts';
import { crlUrlOf, partitionOf } from './crl-partition.ts';
import { encode, encodeTime, tags } from './der.ts';
import { authorityInformationAccess } from './extensions/authority-information-access.ts';
import { caConstraints, endEntityConstraints } from './extensions/basic-constraints.ts';
import { certificatePolicies } from './extensions/certificate-policies.ts';
import { crlDistributionPoints } from './extensions/crl-distribution-points.ts';
import { extendedKeyUsage } from './extensions/extended-key-usage.ts';
import { hashOfRootKey } from './extensions/hash-of-root-key.ts';
import { authorityKeyIdentifier, subjectKeyIdentifier } from './extensions/key-identifiers.ts';
import { keyUsage } from './extensions/key-usage.ts';
import { noRevocationAvailable } from './extensions/no-revocation-available.ts';
import { ocspNoCheck } from './extensions/ocsp-no-check.ts';
import { subjectAlternativeName } from './extensions/subject-alternative-name.ts';
import { subjectInformationAccess, upstreamEndpoints } from './extensions/upstream-endpoints.ts';
import { usagesOfKey } from './key-usage-of-key.ts';
import { oid } from './object-identifiers.ts';
import { pssAlgorithmIdentifier } from './rsassa-pss.ts';
import type { CaSignatureAlgorithm } from './signer.ts';
import type { Validity } from './validity.ts';

/** What a certificate says of the one who signs it. */
export interface IssuerStatement {
  /** Name, DER: octet for octet the subject of the CA certificate. */
  readonly subject: Uint8Array;
  /** subjectKeyIdentifier of the CA certificate; absent when a root signs itself. */
  readonly keyIdentifier?: Uint8Array;
  readonly algorithm: CaSignatureAlgorithm;
  /** Where the status of its certificates is to be had; absent where that is nowhere. */
  readonly statusUrls?: StatusUrls;
  /** How many partitions its CRL has (crl-partition.ts); one unless it is given. */
  readonly crlPartitions?: number;
}

/** Absolute http URIs: to fetch one by https would take a certificate whose status has to be asked for. */
export interface StatusUrls {
  /** The whole CRL of the issuer, DER. */
  readonly crl: string;
  /** The issuer's certificate, DER. */
  readonly issuer: string;
  /** The OCSP responder, where there is one. */
  readonly ocsp?: string;
}

const emptyName = encode(tags.sequence);
const version3 = encode(0xa0, encode(tags.integer, Uint8Array.of(2)));

const withoutParameters = {
  'ecdsa-with-SHA256': 'ecdsa-with-SHA256',
  'ecdsa-with-SHA384': 'ecdsa-with-SHA384',
  'ecdsa-with-SHA512': 'ecdsa-with-SHA512',
  Ed25519: 'ed25519',
  'ML-DSA-44': 'id-ml-dsa-44',
  'ML-DSA-65': 'id-ml-dsa-65',
  'ML-DSA-87': 'id-ml-dsa-87',
} as const;

/**
 * AlgorithmIdentifier, DER: RSA with NULL (RFC 4055 section 5), RSASSA-PSS with all that is not default (section 3.1);
 * ECDSA (RFC 5758 section 3.2), Ed25519 (RFC 8410 section 3) and ML-DSA (RFC 9881 section 2) without parameters.
 */
export function signatureAlgorithmIdentifier(algorithm: CaSignatureAlgorithm): Uint8Array {
  switch (algorithm) {
    case 'sha256WithRSAEncryption':
      return encode(tags.sequence, oid[algorithm], encode(tags.null));
    case 'RSASSA-PSS-SHA256':
      return pssAlgorithmIdentifier('sha256');
    default:
      return encode(tags.sequence, oid[withoutParameters[algorithm]]);
  }
}

/** Composes certificates of one profile under one issuer. */
export class CertificateComposer {
  readonly #profile: Profile;
  readonly #issuer: IssuerStatement;
  readonly #algorithm: Uint8Array;
  readonly #constantExtensions: Uint8Array;
  /** By the usages that fit the key; where all fit every key, there is one. */
  readonly #keyUsages = new Map<string, Uint8Array>();
  readonly #endpointExtensions = new Map<string, Uint8Array>();
  readonly #crlPartitions: number;
  readonly #distributionPoints = new Map<number, Uint8Array>();

  constructor(profile: Profile, issuer: IssuerStatement) {
    this.#profile = profile;
    this.#issuer = issuer;
    this.#algorithm = signatureAlgorithmIdentifier(issuer.algorithm);
    const { ca, extendedKeyUsage: purposes } = profile;
    // Partitions are of end entity certificates alone, as their CRLs say.
    this.#crlPartitions = ca || !issuer.statusUrls ? 1 : (issuer.crlPartitions ?? 1);
    this.#constantExtensions = Buffer.concat([
      ca ? caConstraints(ca.pathLength) : endEntityConstraints(),
      ...(purposes.length > 0 ? [extendedKeyUsage(purposes)] : []),
      ...(issuer.keyIdentifier ? [authorityKeyIdentifier(issuer.keyIdentifier)] : []),
      ...statusExtensions(this.#constantPointers(), issuer.statusUrls),
      ...(profile.certificatePolicies.length > 0
        ? [certificatePolicies(profile.certificatePolicies)]
        : []),
      ...(profile.ocspNoCheck ? [ocspNoCheck()] : []),
      ...(profile.noRevAvail ? [noRevocationAvailable()] : []),
      ...(ca?.nextRootKey ? [hashOfRootKey(ca.nextRootKey)] : []),
    ]);
  }

  /** @param serialNumber hexadecimal content octets of the INTEGER */
  compose(
    plan: Pick<CertificatePlan, 'subject' | 'subjectAltNames' | 'publicKey' | 'endpoints'>,
    serialNumber: string,
    validity: Validity,
  ): Uint8Array {
    const { subject, subjectAltNames, publicKey, endpoints } = plan;
    const extensions = encode(
      tags.sequence,
      this.#constantExtensions,
      this.#distributionPoint(serialNumber),
      this.#keyUsage(publicKey.subjectPublicKeyInfo),
      subjectKeyIdentifier(keyIdentifierOf(publicKey.subjectPublicKey)),
      ...(subjectAltNames.length > 0
        ? [
            subjectAlternativeName(subjectAltNames, {
              critical: subject.length === emptyName.length,
            }),
          ]
        : []),
      this.#endpoints(endpoints),
    );
    return encode(
      tags.sequence,
      version3,
      encode(tags.integer, Buffer.from(serialNumber, 'hex')),
      this.#algorithm,
      this.#issuer.subject,
      encode(tags.sequence, encodeTime(validity.notBefore), encodeTime(validity.notAfter)),
      subject,
      publicKey.subjectPublicKeyInfo,
      encode(0xa3, extensions),
    );
  }

  #keyUsage(subjectPublicKeyInfo: Uint8Array): Uint8Array {
    const usages = usagesOfKey(this.#profile.keyUsage, subjectPublicKeyInfo);
    const key = usages.join(' ');
    let encoded = this.#keyUsages.get(key);
    if (!encoded) {
      encoded = keyUsage(usages);
      this.#keyUsages.set(key, encoded);
    }
    return encoded;
  }

  /** The partition of the CRL that a certificate will be listed in, if it is revoked. */
  crlPartition(serialNumber: string): number {
    return partitionOf(serialNumber, this.#crlPartitions);
  }

  #constantPointers(): readonly StatusPointer[] {
    const { statusPointers } = this.#profile;
    return this.#crlPartitions > 1
      ? statusPointers.filter((each) => each !== 'crl')
      : statusPointers;
  }

  /** Of a partition of the CRL; that of the whole CRL is in every certificate. */
  #distributionPoint(serialNumber: string): Uint8Array {
    const { statusUrls } = this.#issuer;
    const { statusPointers } = this.#profile;
    if (this.#crlPartitions <= 1 || !statusUrls || !statusPointers.includes('crl'))
      return new Uint8Array();
    const partition = this.crlPartition(serialNumber);
    let encoded = this.#distributionPoints.get(partition);
    if (!encoded) {
      encoded = crlDistributionPoints([crlUrlOf(statusUrls.crl, partition)]);
      this.#distributionPoints.set(partition, encoded);
    }
    return encoded;
  }

  /** Devices of a tenant share their endpoints, so the encodings are kept; the bound is against one list per device. */
  #endpoints(uris: readonly string[]): Uint8Array {
    const { endpoints: carrier, endpointArc } = this.#profile;
    if (carrier === 'none' || uris.length === 0) return new Uint8Array();
    const key = uris.join(' ');
    let encoded = this.#endpointExtensions.get(key);
    if (!encoded) {
      encoded = Buffer.concat([
        ...(carrier === 'sia' ? [] : [upstreamEndpoints(uris, endpointArc)]),
        ...(carrier === 'extension' ? [] : [subjectInformationAccess(uris, endpointArc)]),
      ]);
      if (this.#endpointExtensions.size >= 1000) this.#endpointExtensions.clear();
      this.#endpointExtensions.set(key, encoded);
    }
    return encoded;
  }
}

function statusExtensions(
  pointers: readonly StatusPointer[],
  urls: StatusUrls | undefined,
): Uint8Array[] {
  if (!urls) return [];
  const said = <P extends StatusPointer>(pointer: P) =>
    pointers.includes(pointer) && urls[pointer] !== undefined ? { [pointer]: urls[pointer] } : {};
  const access = { ...said('ocsp'), ...said('issuer') };
  return [
    ...(pointers.includes('crl') ? [crlDistributionPoints([urls.crl])] : []),
    ...(Object.keys(access).length > 0 ? [authorityInformationAccess(access)] : []),
  ];
}

/**
 * What a CA above has sent for a request of ours, checked whole before anything is done with it (RFC 5280 section 6.1, and
 * what an issuing CA needs besides).
 */

import { type CaCertificate, readCaChain } from './ca-chain.ts';
import { CertificateError, extensionOf } from './certificate.ts';
import { findPath, subjectOf } from './certificate-path.ts';
import { readDer, sameBytes } from './der.ts';
import { describeName, readName, sameName } from './distinguished-name.ts';
import { readPublicKey } from './key-rules.ts';
import { type ObjectIdentifier, octetsKey, oid, oidName } from './object-identifiers.ts';
import { Refusal } from './refusal.ts';
import { readPssParameters } from './rsassa-pss.ts';

export interface RequestedCertificate {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** Name, DER. */
  readonly subject: Uint8Array;
}

export interface SignedChain {
  readonly issuing: CaCertificate;
  /** The CA above the issuing one first, the root last. */
  readonly above: readonly CaCertificate[];
  /** How many of the certificates belong to no chain of ours. */
  readonly leftOver: number;
}

/**
 * @param certificates DER, in any order: the signed one, and those above it up to the self-signed root
 * @throws CertificateError with a sentence
 */
export function checkSignedChain(
  certificates: readonly Uint8Array[],
  requested: RequestedCertificate,
  now: Date,
): SignedChain {
  const path = findPath(certificates, requested.publicKey);
  const [issuing, ...above] = path.certificates;
  if (!issuing) throw new RangeError('A path has a certificate at least.');
  requireSubject(issuing, requested.subject);
  for (const [i, certificate] of path.certificates.entries()) {
    const signer = path.certificates[i + 1] ?? certificate;
    const position = i === 0 ? 'issuing' : certificate === signer ? 'root' : 'intermediate';
    const broken = rules.find((rule) => !rule.holds({ certificate, signer, position, now }));
    if (broken)
      throw new CertificateError(`The certificate of ${subjectOf(certificate)} ${broken.says}`);
    requireStrongSignature(certificate, signer);
  }
  requireChain(issuing, above);
  return { issuing, above, leftOver: path.leftOver };
}

interface Place {
  readonly certificate: CaCertificate;
  /** Who signed it; itself, for the root. */
  readonly signer: CaCertificate;
  readonly position: 'issuing' | 'intermediate' | 'root';
  readonly now: Date;
}

interface Rule {
  readonly says: string;
  readonly holds: (place: Place) => boolean;
}

const rules: readonly Rule[] = [
  {
    says: 'is not yet valid.',
    holds: ({ certificate, now }) => certificate.notBefore <= now,
  },
  {
    says: 'has expired.',
    holds: ({ certificate, now }) => now <= certificate.notAfter,
  },
  {
    says: 'ends after the certificate of the CA that signed it: let it end before.',
    holds: ({ certificate, signer }) => certificate.notAfter <= signer.notAfter,
  },
  {
    says: 'does not allow its key to sign certificates (keyUsage keyCertSign, RFC 5280 section 4.2.1.3).',
    holds: ({ certificate }) => (keyUsageBits(certificate) & 0x04) !== 0,
  },
  {
    says: 'does not allow its key to sign revocation lists (keyUsage cRLSign, RFC 5280 section 4.2.1.3).',
    holds: ({ certificate, position }) =>
      position !== 'issuing' || (keyUsageBits(certificate) & 0x02) !== 0,
  },
  {
    says: 'has basicConstraints that are not critical (RFC 5280 section 4.2.1.9).',
    holds: ({ certificate, position }) =>
      position !== 'issuing' || extensionOf(certificate, 'basicConstraints')?.critical === true,
  },
  {
    says: 'names another key of its issuer (authorityKeyIdentifier) than the one in the chain.',
    holds: ({ certificate, signer }) => {
      const named = authorityKeyIn(certificate);
      return !named || sameBytes(named, signer.keyIdentifier);
    },
  },
  {
    says: 'constrains names (nameConstraints, RFC 5280 section 4.2.1.10), and certificates are not issued by such rules here: have it signed without.',
    holds: ({ certificate }) => !extensionOf(certificate, 'nameConstraints'),
  },
  {
    says: 'demands certificate policies (policyConstraints, RFC 5280 section 4.2.1.11), and certificates are not issued by such rules here: have it signed without.',
    holds: ({ certificate }) => !extensionOf(certificate, 'policyConstraints'),
  },
  {
    says: 'restricts what certificates below it are for (extKeyUsage), so that those of devices (clientAuth), of this server (serverAuth) and of its OCSP answers (OCSPSigning) would not all be good.',
    holds: ({ certificate, position }) => position === 'root' || allowsOurPurposes(certificate),
  },
  {
    says: 'has a critical extension that is not known here.',
    holds: ({ certificate: { extensions } }) =>
      [...extensions].every(([type, { critical }]) => !critical || processed.has(type)),
  },
];

/** A constraint that asks for nothing of the certificates we issue needs no more than to be known. */
const processed = new Set(
  [
    oid.basicConstraints,
    oid.keyUsage,
    oid.extKeyUsage,
    oid.certificatePolicies,
    oid.policyMappings,
    oid.inhibitAnyPolicy,
  ].map(octetsKey),
);

function keyUsageBits(certificate: CaCertificate): number {
  const usage = extensionOf(certificate, 'keyUsage');
  return (usage && readDer(usage.value).content[1]) ?? 0;
}

function authorityKeyIn(certificate: CaCertificate): Uint8Array | undefined {
  const authority = extensionOf(certificate, 'authorityKeyIdentifier');
  return authority && readDer(authority.value).children.find(({ tag }) => tag === 0x80)?.content;
}

const ourPurposes: readonly ObjectIdentifier[] = ['clientAuth', 'serverAuth', 'OCSPSigning'];

function allowsOurPurposes(certificate: CaCertificate): boolean {
  const extension = extensionOf(certificate, 'extKeyUsage');
  if (!extension) return true;
  const purposes = readDer(extension.value).children.map(({ bytes }) => oidName(bytes));
  return (
    purposes.includes('anyExtendedKeyUsage') || ourPurposes.every((each) => purposes.includes(each))
  );
}

function requireSubject(issuing: CaCertificate, requested: Uint8Array): void {
  if (sameName(issuing.subject, requested)) return;
  throw new CertificateError(
    `The CA above certified ${subjectOf(issuing)}, and requested was ${describeName(readName(readDer(requested)))}: have it signed with that subject, or request another one (\`bestow ca request --again --subject\`).`,
  );
}

const strong = new Set<ObjectIdentifier | undefined>([
  'sha256WithRSAEncryption',
  'sha384WithRSAEncryption',
  'sha512WithRSAEncryption',
  'ecdsa-with-SHA256',
  'ecdsa-with-SHA384',
  'ecdsa-with-SHA512',
  'ed25519',
  'ed448',
  'id-ml-dsa-44',
  'id-ml-dsa-65',
  'id-ml-dsa-87',
]);

/** The key that signed it too: it is held to the rules for keys of devices. */
function requireStrongSignature(certificate: CaCertificate, signer: CaCertificate): void {
  const [type, parameters] = readDer(certificate.der).children[1]?.children ?? [];
  const name = type && oidName(type.bytes);
  if (name === 'id-RSASSA-PSS') readPssParameters(parameters, (what) => weak(certificate, what));
  else if (!strong.has(name))
    throw weak(certificate, 'SHA-256, SHA-384 or SHA-512 is wanted, and neither SHA-1 nor MD5.');
  try {
    readPublicKey(readDer(signer.subjectPublicKeyInfo));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new CertificateError(`The key of ${subjectOf(signer)} does not do: ${error.message}`);
  }
}

function weak(certificate: CaCertificate, what: string): CertificateError {
  return new CertificateError(
    `The certificate of ${subjectOf(certificate)} is signed with an algorithm that is not accepted: ${what}`,
  );
}

/** Signatures and path lengths. */
function requireChain(issuing: CaCertificate, above: readonly CaCertificate[]): void {
  try {
    readCaChain({ issuing: issuing.der, above: above.map(({ der }) => der) });
  } catch (cause) {
    throw new CertificateError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

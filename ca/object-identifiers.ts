/**
 * Object identifiers, held as DER: strings of large arcs do not survive every library, octets do.
 */

import { encodeOid } from './der.ts';

/** A key for tables and comparisons: the hexadecimal form of an element's octets. */
export function octetsKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export const dotted = {
  commonName: '2.5.4.3',
  serialNumber: '2.5.4.5',
  countryName: '2.5.4.6',
  localityName: '2.5.4.7',
  stateOrProvinceName: '2.5.4.8',
  organizationName: '2.5.4.10',
  organizationalUnitName: '2.5.4.11',
  dnQualifier: '2.5.4.46',
  domainComponent: '0.9.2342.19200300.100.1.25',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  cRLNumber: '2.5.29.20',
  issuingDistributionPoint: '2.5.29.28',
  reasonCode: '2.5.29.21',
  invalidityDate: '2.5.29.24',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyIdentifier: '2.5.29.35',
  policyConstraints: '2.5.29.36',
  extKeyUsage: '2.5.29.37',
  anyExtendedKeyUsage: '2.5.29.37.0',
  inhibitAnyPolicy: '2.5.29.54',
  crlDistributionPoints: '2.5.29.31',
  noRevAvail: '2.5.29.56',
  'id-ce-hashOfRootKey': '1.3.6.1.4.1.51483.2.1',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  subjectInfoAccess: '1.3.6.1.5.5.7.1.11',
  'id-qt-cps': '1.3.6.1.5.5.7.2.1',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  OCSPSigning: '1.3.6.1.5.5.7.3.9',
  cmcCA: '1.3.6.1.5.5.7.3.27',
  cmcRA: '1.3.6.1.5.5.7.3.28',
  'id-ad-ocsp': '1.3.6.1.5.5.7.48.1',
  'id-ad-caIssuers': '1.3.6.1.5.5.7.48.2',
  'id-pkix-ocsp-basic': '1.3.6.1.5.5.7.48.1.1',
  'id-pkix-ocsp-nonce': '1.3.6.1.5.5.7.48.1.2',
  'id-pkix-ocsp-nocheck': '1.3.6.1.5.5.7.48.1.5',
  challengePassword: '1.2.840.113549.1.9.7',
  extensionRequest: '1.2.840.113549.1.9.14',
  microsoftExtensionRequest: '1.3.6.1.4.1.311.2.1.14',
  otpChallenge: '1.2.840.113549.1.9.16.2.56',
  revocationChallenge: '1.2.840.113549.1.9.16.2.57',
  estIdentityLinking: '1.2.840.113549.1.9.16.2.58',
  'id-aa-certificationRequestInfoTemplate': '1.2.840.113549.1.9.16.2.61',
  'id-aa-extensionReqTemplate': '1.2.840.113549.1.9.16.2.62',
  changeSubjectName: '1.3.6.1.5.5.7.7.36',
  popLinkWitnessV2: '1.3.6.1.5.5.7.7.33',
  'id-alg-noSignature': '1.3.6.1.5.5.7.6.2',
  rsaEncryption: '1.2.840.113549.1.1.1',
  ecPublicKey: '1.2.840.10045.2.1',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
  x25519: '1.3.101.110',
  x448: '1.3.101.111',
  'id-ml-dsa-44': '2.16.840.1.101.3.4.3.17',
  'id-ml-dsa-65': '2.16.840.1.101.3.4.3.18',
  'id-ml-dsa-87': '2.16.840.1.101.3.4.3.19',
  'id-alg-ml-kem-512': '2.16.840.1.101.3.4.4.1',
  'id-alg-ml-kem-768': '2.16.840.1.101.3.4.4.2',
  'id-alg-ml-kem-1024': '2.16.840.1.101.3.4.4.3',
  secp256r1: '1.2.840.10045.3.1.7',
  secp384r1: '1.3.132.0.34',
  secp521r1: '1.3.132.0.35',
  sha256WithRSAEncryption: '1.2.840.113549.1.1.11',
  sha384WithRSAEncryption: '1.2.840.113549.1.1.12',
  sha512WithRSAEncryption: '1.2.840.113549.1.1.13',
  'ecdsa-with-SHA256': '1.2.840.10045.4.3.2',
  'ecdsa-with-SHA384': '1.2.840.10045.4.3.3',
  'ecdsa-with-SHA512': '1.2.840.10045.4.3.4',
  'id-data': '1.2.840.113549.1.7.1',
  'id-signedData': '1.2.840.113549.1.7.2',
  'id-envelopedData': '1.2.840.113549.1.7.3',
  'id-ct-KP-aKeyPackage': '2.16.840.1.101.2.1.2.78.5',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingTime: '1.2.840.113549.1.9.5',
  smimeCapabilities: '1.2.840.113549.1.9.15',
  decryptKeyIdentifier: '1.2.840.113549.1.9.16.2.37',
  asymmetricDecryptKeyIdentifier: '1.2.840.113549.1.9.16.2.54',
  'id-sha1': '1.3.14.3.2.26',
  'id-sha256': '2.16.840.1.101.3.4.2.1',
  'id-sha384': '2.16.840.1.101.3.4.2.2',
  'id-sha512': '2.16.840.1.101.3.4.2.3',
  'id-RSASSA-PSS': '1.2.840.113549.1.1.10',
  'id-mgf1': '1.2.840.113549.1.1.8',
  'id-RSAES-OAEP': '1.2.840.113549.1.1.7',
  'aes128-CBC': '2.16.840.1.101.3.4.1.2',
  'aes192-CBC': '2.16.840.1.101.3.4.1.22',
  'aes256-CBC': '2.16.840.1.101.3.4.1.42',
  'id-aes128-wrap': '2.16.840.1.101.3.4.1.5',
  'id-aes192-wrap': '2.16.840.1.101.3.4.1.25',
  'id-aes256-wrap': '2.16.840.1.101.3.4.1.45',
  'dhSinglePass-stdDH-sha256kdf-scheme': '1.3.132.1.11.1',
  'dhSinglePass-stdDH-sha384kdf-scheme': '1.3.132.1.11.2',
  'dhSinglePass-stdDH-sha512kdf-scheme': '1.3.132.1.11.3',
  'dhSinglePass-stdDH-hkdf-sha256-scheme': '1.2.840.113549.1.9.16.3.19',
  'dhSinglePass-stdDH-hkdf-sha384-scheme': '1.2.840.113549.1.9.16.3.20',
  'dhSinglePass-stdDH-hkdf-sha512-scheme': '1.2.840.113549.1.9.16.3.21',
} as const;
export type ObjectIdentifier = keyof typeof dotted;

export const oid = Object.fromEntries(
  Object.entries(dotted).map(([name, arcs]) => [name, encodeOid(arcs)]),
) as Record<ObjectIdentifier, Uint8Array>;

const names = new Map(
  Object.entries(oid).map(([name, der]) => [octetsKey(der), name as ObjectIdentifier]),
);

/** The name of an encoded object identifier, if it is one of ours. */
export function oidName(der: Uint8Array): ObjectIdentifier | undefined {
  return names.get(octetsKey(der));
}

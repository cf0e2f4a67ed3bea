/** Rules for what a key may be used for: RFC 5280 section 4.2.1.3, and the RFCs of the algorithms. */

import { octetsKey } from '../object-identifiers.ts';
import type { Rule } from './finding.ts';
import { typeOf } from './linted-extension.ts';
import type { ToBeSignedCertificate, UsageBit } from './to-be-signed-certificate.ts';

const ecPublicKey = typeOf('1.2.840.10045.2.1');
const signatureKeys = new Set(
  [
    '1.3.101.112',
    '1.3.101.113',
    '2.16.840.1.101.3.4.3.17',
    '2.16.840.1.101.3.4.3.18',
    '2.16.840.1.101.3.4.3.19',
    '1.2.840.113549.1.1.10',
  ].map(typeOf),
);
const agreementKeys = new Set(['1.3.101.110', '1.3.101.111'].map(typeOf));

const signing: readonly UsageBit[] = [
  'digitalSignature',
  'nonRepudiation',
  'keyCertSign',
  'cRLSign',
];
const agreeing: readonly UsageBit[] = ['keyAgreement', 'encipherOnly', 'decipherOnly'];

function keyTypeOf({ key }: ToBeSignedCertificate): string {
  return octetsKey(key.children[0]?.children[0]?.bytes ?? new Uint8Array());
}

function hasOnly(certificate: ToBeSignedCertificate, allowed: readonly UsageBit[]): boolean {
  return [...(certificate.usages ?? [])].every((usage) => allowed.includes(usage));
}

export const keyRules: readonly Rule<ToBeSignedCertificate>[] = [
  [
    'CRT-24',
    'An elliptic curve key is not for keyEncipherment or dataEncipherment (RFC 8813 section 3).',
    (certificate) =>
      keyTypeOf(certificate) !== ecPublicKey || hasOnly(certificate, [...signing, ...agreeing]),
  ],
  [
    'CRT-25',
    'A key of a signature algorithm is for signatures alone (RFC 8410 section 5, RFC 9881 section 5, RFC 4055 section 1.2).',
    (certificate) => !signatureKeys.has(keyTypeOf(certificate)) || hasOnly(certificate, signing),
  ],
  [
    'CRT-25',
    'An X25519 or X448 key is for keyAgreement alone (RFC 8410 section 5).',
    (certificate) =>
      !agreementKeys.has(keyTypeOf(certificate)) ||
      (hasOnly(certificate, agreeing) && (certificate.usages?.has('keyAgreement') ?? true)),
  ],
];

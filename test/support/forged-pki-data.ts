/**
 * A Full PKI Request put together octet by octet (RFC 5272 section 3.2.1): a PKCS#10 and a CRMF request, and every control
 * that is read.
 */

import { sign } from 'node:crypto';
import { encode, encodeBitString, readDer, tags } from '../../ca/der.ts';
import {
  algorithm,
  algorithms,
  commonName,
  dns,
  extension,
  forgeRequest,
  keyPairs,
  octetString,
  oidOf,
  sequence,
  setOf,
  spkiOf,
  text,
} from './forged-request.ts';

const number = (value: number) => encode(tags.integer, Uint8Array.of(value));
const control = (id: number, arc: number, value: Uint8Array) =>
  sequence(number(id), oidOf(`1.3.6.1.5.5.7.7.${arc}`), setOf(value));
const witness = sequence(
  algorithm('2.16.840.1.101.3.4.2.1'),
  algorithm('1.2.840.113549.2.9'),
  octetString(Buffer.alloc(32)),
);
const issuer = commonName('Test CA');

const controls = [
  control(101, 5, number(42)),
  control(102, 6, octetString(Buffer.from('nonce'))),
  control(103, 4, octetString(Buffer.from('data'))),
  control(104, 2, text(tags.utf8String, 'device-1')),
  control(105, 34, witness),
  control(106, 22, octetString(Buffer.alloc(64))),
  control(
    107,
    10,
    sequence(number(2), algorithm('1.2.840.113549.2.9'), octetString(Buffer.alloc(32))),
  ),
  control(
    108,
    17,
    sequence(issuer, number(7), encode(0x0a, Uint8Array.of(1)), octetString(Buffer.from('secret'))),
  ),
  control(109, 21, octetString(Buffer.from('token'))),
  control(110, 24, sequence(issuer, number(7))),
  control(111, 28, sequence(number(9))),
  control(112, 32, sequence(sequence(number(101), sequence(number(9), number(101))))),
  control(113, 25, sequence(number(2), sequence(number(1)), number(9))),
];

/** CertReqMsg under its tag, signed. */
function crmf(): Uint8Array {
  const { publicKey, privateKey } = keyPairs['P-256'];
  const template = sequence(
    encode(0xa3, issuer),
    encode(0xa5, commonName('device-1')),
    encode(0xa6, ...readDer(spkiOf(publicKey)).children.map(({ bytes }) => bytes)),
    encode(0xa9, extension('2.5.29.17', sequence(dns('a.example')))),
  );
  const linked = sequence(oidOf('1.3.6.1.5.5.7.7.33'), witness);
  const request = sequence(number(2), template, sequence(linked));
  const signature = encodeBitString(sign('sha256', request, privateKey));
  return encode(0xa1, request, encode(0xa1, algorithms['P-256'], signature));
}

/** PKIData, DER. @param message a ContentInfo for its cmsSequence */
export function forgePkiData(message: Uint8Array): Uint8Array {
  return sequence(
    sequence(...controls),
    sequence(encode(0xa0, number(1), forgeRequest()), crmf()),
    sequence(sequence(number(9), message)),
    sequence(sequence(number(10), oidOf('1.2.3.4'), octetString(Buffer.from('other')))),
  );
}

/**
 * What clients send to each operation, with something wrong in it: bodies whose signatures are made anew after that, so that
 * they are read to the end, and requests around them.
 */

import { createHash, createHmac, sign } from 'node:crypto';
import fc from 'fast-check';
import { readCertificate } from '../../ca/certificate.ts';
import {
  encodeCertificateIdentifier,
  issuerAndSerialNumberOf,
} from '../../ca/cms/certificate-identifier.ts';
import { encode, encodeBitString, readDer, tags } from '../../ca/der.ts';
import { encodeGeneralNames } from '../../ca/general-names.ts';
import { dotted } from '../../ca/object-identifiers.ts';
import { digest } from '../support/digest-client.ts';
import {
  algorithm,
  algorithms,
  attribute,
  extension,
  extensionRequest,
  octetString,
  oidOf,
  sequence,
  setOf,
  text,
} from '../support/forged-request.ts';
import { forgeSignedData, forgeSignerInfo } from '../support/forged-signed-data.ts';
import { basic } from '../support/raw-tls.ts';
import { restructured } from './der-mutation.ts';
import {
  type Client,
  channelBinding,
  type Password,
  registrationAuthority,
} from './est-service.ts';
import { mutated, mutatedText } from './mutation.ts';
import { nearTo } from './read-or-refused.ts';
import { cmcMessages, pkiData, requestAttributes, requests } from './seeds.ts';

/** Makes a body when it is sent, with the one-time password that is good then. */
export type Body = (client: Client, password: Password) => Buffer;

/** Stands in seeds for the one-time password, which is as long. */
const placeholder = Buffer.from('ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ');
/** Stands in seeds for the POP link witness made with it (RFC 5272 section 6.3.1). */
const linkPlaceholder = Buffer.alloc(32, 'L');
const linkRandom = Buffer.alloc(64, 1);

/** The password is written in another way, so that it is told from the one that no line of the log may have. */
function withPassword(octets: Uint8Array, { password }: Password): Buffer {
  const filled = Buffer.from(octets);
  replaceAll(filled, placeholder, Buffer.from(password.toLowerCase()));
  replaceAll(filled, linkPlaceholder, macOf(password, linkRandom));
  return filled;
}

function replaceAll(octets: Buffer, old: Buffer, replacement: Buffer): void {
  for (let at = octets.indexOf(old); at >= 0; at = octets.indexOf(old, at + old.length))
    replacement.copy(octets, at);
}

const sha256 = algorithm('2.16.840.1.101.3.4.2.1');
const hmac = algorithm('1.2.840.113549.2.9');

/** RFC 5272 sections 6.2.1 and 6.3.1.1. */
function macOf(key: string, octets: Uint8Array): Buffer {
  const hashed = createHash('sha256').update(key).digest();
  return createHmac('sha256', hashed).update(octets).digest();
}

/** Identity proof and POP link witness, in their second versions, have one form. */
const witness = (mac: Uint8Array) => sequence(sha256, hmac, octetString(mac));

const number = (value: number) => encode(tags.integer, Uint8Array.of(value));
const control = (id: number, arc: number, value: Uint8Array) =>
  sequence(number(id), oidOf(`1.3.6.1.5.5.7.7.${arc}`), setOf(value));

const keyIdentifier = Buffer.from('0123456789');
const named = extensionRequest(
  extension(dotted.subjectKeyIdentifier, octetString(keyIdentifier)),
  extension(dotted.subjectAltName, encodeGeneralNames(['DNS:a.example'])),
);
const secret = (type: keyof typeof dotted, value: Uint8Array) =>
  attribute(dotted[type], encode(tags.utf8String, value));
const binding = secret('challengePassword', Buffer.from(channelBinding.toString('base64')));

/** PKCS#10 requests of a device, as each group wants them. */
function requestsOf({ device }: Client): Buffer[] {
  return [
    [named],
    [named, binding],
    [named, attribute(dotted.popLinkWitnessV2, witness(linkPlaceholder))],
    [secret('challengePassword', placeholder)],
    [secret('otpChallenge', placeholder)],
    [
      ...requestAttributes.names,
      secret('estIdentityLinking', Buffer.from(channelBinding.toString('base64'))),
      secret('revocationChallenge', Buffer.from('to revoke it by')),
    ],
    requestAttributes.change,
    requestAttributes.symmetricKey,
    requestAttributes.publicKey,
  ].map((attributes) => Buffer.from(device.request({ attributes })));
}

const infoOf = (request: Buffer) => Buffer.from(readDer(request).children[0]?.bytes ?? request);

function signed(info: Uint8Array, { key }: Client): Buffer {
  const signature = encodeBitString(sign('sha256', info, key));
  return Buffer.from(sequence(info, algorithms['P-256'], signature));
}

const inBase64 = (der: Uint8Array) => Buffer.from(Buffer.from(der).toString('base64'));

/** What is signed afterwards: mostly well-formed, to be read further than to the first octet that is wrong. */
const insideOut = (seeds: readonly Buffer[]) =>
  fc.oneof({ weight: 4, arbitrary: restructured(seeds) }, { weight: 1, arbitrary: mutated(seeds) });

/** Bodies of the operations that take PKCS#10. */
export function requestBodies(client: Client): fc.Arbitrary<Body> {
  const own = requestsOf(client);
  const all = [...own, ...requests];
  return fc.oneof(
    {
      weight: 1,
      arbitrary: nearTo(all).map(
        (der): Body =>
          (_, p) =>
            inBase64(withPassword(der, p)),
      ),
    },
    {
      weight: 8,
      arbitrary: insideOut(own.map(infoOf)).map(
        (info): Body =>
          (sender, password) =>
            inBase64(signed(withPassword(info, password), sender)),
      ),
    },
    {
      weight: 1,
      arbitrary: mutated(all.map(inBase64)).map(
        (body): Body =>
          () =>
            body,
      ),
    },
    { weight: 2, arbitrary: fc.constantFrom(...own.map((request) => goodRequest(request))) },
  );
}

const goodRequest =
  (request: Buffer): Body =>
  (sender, password) =>
    inBase64(signed(withPassword(infoOf(request), password), sender));

/** Signed by the certificate of the client. */
function signedByCertificate(content: Uint8Array, { certificate, key }: Client): Uint8Array {
  const sid = encodeCertificateIdentifier(issuerAndSerialNumberOf(readCertificate(certificate)));
  const signerInfo = forgeSignerInfo({
    version: 1,
    sid,
    content,
    sign: (octets) => sign('sha256', octets, key),
  });
  return forgeSignedData({ content, certificates: [certificate], signerInfos: [signerInfo] });
}

/** Signed by the key of the request, which has this subjectKeyIdentifier. */
function signedByRequestKey(content: Uint8Array, { key }: Client): Uint8Array {
  const sid = encode(0x80, keyIdentifier);
  const signerInfo = forgeSignerInfo({
    sid,
    content,
    sign: (octets) => sign('sha256', octets, key),
  });
  return forgeSignedData({ content, signerInfos: [signerInfo] });
}

/** A message that a one-time password proves, around a request and controls that are anything. */
function provenByPassword(info: Uint8Array, more: Uint8Array, client: Client, otp: Password) {
  const { id, password } = otp;
  const request = signed(withPassword(info, otp), client);
  const tagged = sequence(encode(0xa0, number(1), request));
  const controls = [
    control(101, 2, text(tags.utf8String, id)),
    control(102, 34, witness(macOf(`${password}${id}`, tagged))),
    control(103, 22, octetString(linkRandom)),
  ];
  const content = sequence(sequence(...controls, more), tagged, sequence(), sequence());
  return signedByRequestKey(content, client);
}

/** PKIData of a device: what it may ask, and what it may not. */
function contentsOf(client: Client): Buffer[] {
  const { issuer, serialNumber } = readCertificate(client.spare);
  const serial = encode(tags.integer, Buffer.from(serialNumber, 'hex'));
  const revocation = control(101, 17, sequence(issuer, serial, encode(0x0a, Uint8Array.of(4))));
  const confirmation = control(102, 24, sequence(issuer, serial));
  const nonce = control(103, 6, octetString(Buffer.from('nonce')));
  const pkiDataOf = (controls: Uint8Array[], wanted: Uint8Array[]) =>
    Buffer.from(sequence(sequence(...controls), sequence(...wanted), sequence(), sequence()));
  const [plain = Buffer.alloc(0), linked = Buffer.alloc(0)] = requestsOf(client);
  return [
    pkiDataOf([], [encode(0xa0, number(1), plain)]),
    pkiDataOf([nonce], [encode(0xa0, number(1), plain), encode(0xa0, number(2), linked)]),
    pkiDataOf([revocation, confirmation, nonce], []),
  ];
}

/** A batch of messages, each of which may be wrong. */
function batch(messages: readonly Buffer[], client: Client): Uint8Array {
  const contents = messages.map((message, i) => sequence(number(i + 1), message));
  const ids = messages.map((_, i) => number(i + 1));
  const list = control(101, 28, sequence(...ids));
  return signedByCertificate(
    sequence(sequence(list), sequence(), sequence(...contents), sequence()),
    client,
  );
}

/** Bodies of /fullcmc. */
export function cmcBodies(client: Client): fc.Arbitrary<Body> {
  const own = contentsOf(client);
  const infos = requestsOf(client).map(infoOf);
  const someControls = [control(104, 6, octetString(Buffer.from('nonce')))];
  const byPassword = fc
    .tuple(
      fc.oneof(fc.constantFrom(...infos), insideOut(infos)),
      fc.oneof(
        fc.constant(Buffer.alloc(0)),
        restructured(someControls.map((der) => Buffer.from(der))),
      ),
    )
    .map(
      ([info, more]): Body =>
        (sender, password) =>
          inBase64(provenByPassword(info, more, sender, password)),
    );
  const byCertificate = insideOut(infos).map(
    (info): Body =>
      (sender, password) => {
        const request = signed(withPassword(info, password), sender);
        const tagged = sequence(encode(0xa0, number(1), request));
        const content = sequence(sequence(), tagged, sequence(), sequence());
        return inBase64(signedByCertificate(content, sender));
      },
  );
  const inner = fc.oneof(
    insideOut(cmcMessages),
    restructured(own).map((content) => Buffer.from(signedByCertificate(content, client))),
  );
  return fc.oneof(
    {
      weight: 2,
      arbitrary: nearTo(cmcMessages).map(
        (der): Body =>
          () =>
            inBase64(der),
      ),
    },
    {
      weight: 8,
      arbitrary: insideOut([...own, ...own, ...own, ...pkiData]).map(
        (content): Body =>
          (sender) =>
            inBase64(signedByCertificate(content, sender)),
      ),
    },
    { weight: 4, arbitrary: byPassword },
    { weight: 4, arbitrary: byCertificate },
    {
      weight: client.device.id === registrationAuthority ? 12 : 1,
      arbitrary: fc.array(inner, { minLength: 1, maxLength: 3 }).map(
        (messages): Body =>
          (sender) =>
            inBase64(batch(messages, sender)),
      ),
    },
    {
      weight: 1,
      arbitrary: mutated(cmcMessages.map(inBase64)).map(
        (body): Body =>
          () =>
            body,
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(...own).map(
        (content): Body =>
          (sender) =>
            inBase64(signedByCertificate(content, sender)),
      ),
    },
  );
}

/** How a request says who sends it. */
export type Credentials = 'none' | 'basic' | 'digest' | { readonly header: string };

const wrong = { user: 'device-1', password: 'not the password' };

export const someCredentials: fc.Arbitrary<Credentials> = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom<Credentials>('none', 'basic', 'basic', 'digest') },
  {
    weight: 1,
    arbitrary: mutatedText([
      basic(wrong.user, wrong.password),
      digest({ ...wrong, nonce: 'a nonce', uri: '/.well-known/est/simpleenroll' }),
    ]).map((header) => ({ header })),
  },
);

/** Headers that are read somewhere, by us or on the way to us, with a value that they may have. */
const headers = {
  Accept: 'application/json;q=0.5, application/xml;charset=utf-8, */*;q=0.1',
  'Content-Type': 'application/pkcs7-mime; smime-type="CMC-request"; name=smime.p7m',
  'Content-Encoding': 'gzip',
  'Content-Transfer-Encoding': 'base64',
  'If-None-Match': '"0123456789abcdef", W/"x", *',
  Range: 'bytes=0-99',
  Connection: 'keep-alive, upgrade',
  Upgrade: 'h2c, websocket',
  Host: 'localhost:8443',
  'User-Agent': 'libest 3.2.0',
  'Transfer-Encoding-X': 'chunked',
  'X-Forwarded-For': '192.0.2.1, 2001:db8::1',
  'X-HTTP-Method-Override': 'PUT',
  Authorization: 'Bearer abc',
} as const;

export type Header = readonly [name: string, value: string];

export const someHeader: fc.Arbitrary<Header> = fc.oneof(
  fc.constant<Header>(['Expect', '100-continue']),
  ...Object.entries(headers).map(([name, value]) =>
    fc.oneof(fc.constant(value), mutatedText([value])).map((each): Header => [name, each]),
  ),
);

import { createHash, createHmac, randomBytes, type X509Certificate } from 'node:crypto';
import {
  attribute,
  base64Lines,
  certificateRequest,
  ecKey,
  extension,
  extensionRequest,
  type Key,
} from './certificate-requests.ts';
import {
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tlv,
  utf8String,
} from './der-writer.ts';
import type { EnrolledDevice, EstServer, RequestOptions } from './est-server.ts';
import type { HttpAnswer } from './http-answer.ts';
import { issuerName } from './inspect-certificate.ts';
import type { Credential } from './operator-commands.ts';
import { type MessageContents, signedMessage } from './signed-message.ts';

export const CMC_REQUEST = 'application/pkcs7-mime; smime-type=CMC-request';
export const PKI_DATA = '1.3.6.1.5.5.7.12.2';

/** Last arc of id-cmc, 1.3.6.1.5.5.7.7 (RFC 5272 section 6 and appendix A). */
export const CONTROL = {
  identification: 2,
  transactionId: 5,
  senderNonce: 6,
  recipientNonce: 7,
  revokeRequest: 17,
  queryPending: 21,
  popLinkRandom: 22,
  statusInfoV2: 25,
  popLinkWitnessV2: 33,
  identityProofV2: 34,
} as const;

export const controlType = (arc: number) => `1.3.6.1.5.5.7.7.${arc}`;

/** TaggedAttribute (RFC 5272 section 3.2.1.1). */
export function control(id: number, arc: number, value: Buffer): Buffer {
  return sequence(integer(id), objectIdentifier(controlType(arc)), setOf(value));
}

/** TaggedRequest with a PKCS#10 request (RFC 5272 section 3.2.1.2.1). */
export const tagged = (id: number, request: Buffer) => tlv(0xa0, integer(id), request);

export interface PkiDataContents {
  readonly controls?: readonly Buffer[];
  readonly requests?: readonly Buffer[];
}

/** PKIData (RFC 5272 section 3.2.1). */
export function pkiData({ controls = [], requests = [] }: PkiDataContents): Buffer {
  return sequence(sequence(...controls), sequence(...requests), sequence(), sequence());
}

type Changes = Partial<MessageContents>;

/** A Full PKI Request signed with the certificate of a device. */
export function signedByDevice(
  { certificate, key }: Pick<EnrolledDevice, 'certificate' | 'key'>,
  content: Buffer,
  changes: Changes = {},
): Buffer {
  const signer = sequence(issuerName(certificate), serialNumber(certificate));
  const certificates = [certificate.raw];
  return signedMessage({
    type: PKI_DATA,
    content,
    key,
    signer,
    version: 1,
    certificates,
    ...changes,
  });
}

export const serialNumber = (certificate: X509Certificate) =>
  integer(Buffer.from(certificate.serialNumber, 'hex'));

export const keyIdentifier = (key: Key) => createHash('sha1').update(key.publicKey).digest();

/** A PKCS#10 request that names the identifier of its key, as the signer of the message around it does. */
export function identifiedRequest(device: string, key: Key, ...attributes: Buffer[]): Buffer {
  const named = extensionRequest(extension('2.5.29.14', octetString(keyIdentifier(key))));
  return certificateRequest(device, key, {
    attributes: [named, ...attributes].sort(Buffer.compare),
  });
}

/** A Full PKI Request signed with the key of the request in it, which nobody has certified yet. */
export function signedByKey(
  key: Key,
  content: Buffer,
  identifier = keyIdentifier(key),
  changes: Changes = {},
): Buffer {
  const signer = tlv(0x80, identifier);
  return signedMessage({ type: PKI_DATA, content, key, signer, version: 3, ...changes });
}

export function sendCmc(
  server: EstServer,
  message: Buffer,
  options: RequestOptions = {},
): Promise<HttpAnswer> {
  const headers = { 'Content-Type': CMC_REQUEST, ...options.headers };
  return server.fetch('fullcmc', { body: base64Lines(message), ...options, headers });
}

/** A device asks for a certificate of its name and a new key; the number of its request is 1. */
export async function asksByCmc(
  view: EstServer,
  controls: readonly Buffer[] = [],
  changes: Changes = {},
): Promise<HttpAnswer> {
  const device = await view.sharedDevice();
  const requests = [tagged(1, certificateRequest(device.device, ecKey()))];
  return sendCmc(view, signedByDevice(device, pkiData({ controls, requests }), changes));
}

export interface SecretProof {
  readonly identitySecret?: string;
  readonly linkSecret?: string;
  readonly identityArc?: number;
  readonly linkArc?: number;
}

/** A message of someone new who proves to know a shared secret (RFC 5272 sections 6.2.1 and 6.3.1.1). */
export function provenBySecret(
  { device, user, password }: Credential,
  {
    identitySecret = password,
    linkSecret = password,
    identityArc = CONTROL.identityProofV2,
    linkArc = CONTROL.popLinkWitnessV2,
  }: SecretProof = {},
): Buffer {
  const key = ecKey();
  const random = randomBytes(64);
  const link = attribute(controlType(linkArc), witness(linkSecret, random));
  const requests = [tagged(1, identifiedRequest(device, key, link))];
  // With an identification, it is part of the key of the proof (RFC 5272 section 6.2.3).
  const proof = witness(`${identitySecret}${user}`, sequence(...requests));
  const controls = [
    control(101, CONTROL.identification, utf8String(user)),
    control(102, identityArc, proof),
    control(103, CONTROL.popLinkRandom, octetString(random)),
  ];
  return signedByKey(key, pkiData({ controls, requests }));
}

/** SHA-256 and HMAC with it. */
function witness(secret: string, octets: Buffer): Buffer {
  const key = createHash('sha256').update(secret).digest();
  return sequence(
    sequence(objectIdentifier('2.16.840.1.101.3.4.2.1')),
    sequence(objectIdentifier('1.2.840.113549.2.9')),
    octetString(createHmac('sha256', key).update(octets).digest()),
  );
}

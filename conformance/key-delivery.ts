import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import {
  certificateRequest,
  ecKey,
  type Key,
  type RequestContents,
} from './certificate-requests.ts';
import type { EstServer } from './est-server.ts';
import type { HttpAnswer } from './http-answer.ts';
import { answered, decodeBase64, issuedCertificate } from './inspect-answer.ts';
import { type BodyPart, bodyParts } from './multipart.ts';
import { openssl } from './openssl.ts';

/** What /serverkeygen gave: the whole answer, its two parts, and what is in them. */
export interface KeyDelivery {
  readonly answer: HttpAnswer;
  readonly request: Key;
  readonly keyPart: BodyPart;
  readonly certificatePart: BodyPart;
  /** The content of the part with the key, DER. */
  readonly key: Buffer;
  readonly certificate: X509Certificate;
}

/** Asks for a key as someone who may have one, under whichever label the server stands for. */
export async function asksForKey(
  server: EstServer,
  contents: RequestContents = {},
  change: (request: Buffer) => Buffer = (request) => request,
  key = ecKey(),
): Promise<HttpAnswer> {
  const { device, ...applicant } = await server.applicant();
  return server.post('serverkeygen', change(certificateRequest(device, key, contents)), applicant);
}

/** Takes a 200 apart; the parts may come in any order (RFC 7030 section 4.4.2). */
export function delivered(answer: HttpAnswer, request: Key, what: string): KeyDelivery {
  answered(answer, 200, what);
  const parts = bodyParts(answer);
  assert.equal(parts.length, 2, `${what}: number of parts`);
  const isCertificate = (part: BodyPart) => /certs-only/i.test(part.headers['content-type'] ?? '');
  const certificatePart = parts.find(isCertificate);
  const keyPart = parts.find((part) => !isCertificate(part));
  assert.ok(certificatePart && keyPart, `${what}: not one part with a key and one certs-only part`);
  const certificate = issuedCertificate({ ...answer, body: certificatePart.body }, what);
  const key = decodeBase64(keyPart.body);
  return { answer, request, keyPart, certificatePart, key, certificate };
}

const plain = new WeakMap<EstServer, Promise<KeyDelivery>>();

/** A key that TLS alone protects; asked for once, since several rows look at it. */
export function plainDelivery(server: EstServer): Promise<KeyDelivery> {
  const view = server.label('server-keys');
  const known = plain.get(view) ?? ask(view);
  plain.set(view, known);
  return known;
}

async function ask(view: EstServer): Promise<KeyDelivery> {
  const request = ecKey();
  const answer = await asksForKey(view, {}, undefined, request);
  return delivered(answer, request, 'POST /serverkeygen');
}

/** OneAsymmetricKey, DER, has to be the private key of the certificate, as OpenSSL reads both. */
export async function isKeyOf(key: Buffer, certificate: X509Certificate): Promise<void> {
  const { code, output } = await openssl(
    ['pkey', '-inform', 'DER', '-in', '{key}', '-pubout', '-outform', 'PEM'],
    { key },
  );
  assert.equal(code, 0, `openssl pkey cannot read the private key: ${output}`);
  const expected = certificate.publicKey.export({ type: 'spki', format: 'pem' });
  assert.equal(output.trim(), expected.toString().trim(), 'public key of the private key');
}

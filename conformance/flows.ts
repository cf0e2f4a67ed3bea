import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { connect as connectTcp, isIP } from 'node:net';
import {
  certificateRequest,
  ecKey,
  extension,
  extensionRequest,
  type Key,
  type RequestContents,
} from './certificate-requests.ts';
import type { EstServer, RequestOptions } from './est-server.ts';
import { AnswerReader, type HttpAnswer } from './http-answer.ts';
import { certificatesIn, decodeBase64, issuedCertificate, refused } from './inspect-answer.ts';
import { extensionValue, subjectName } from './inspect-certificate.ts';
import { openssl } from './openssl.ts';
import type { ClientCertificate } from './self-made-certificates.ts';

const SUBJECT_ALT_NAME = '2.5.29.17';

/** Enrolls in good order but for the options given, and returns the certificate; throws on anything but success. */
export async function enrolls(
  server: EstServer,
  what: string,
  contents: RequestContents = {},
  options: (request: Buffer) => RequestOptions = () => ({}),
): Promise<X509Certificate> {
  const { device, ...applicant } = await server.applicant();
  const request = certificateRequest(device, ecKey(), contents);
  const answer = await server.post('simpleenroll', request, { ...applicant, ...options(request) });
  return issuedCertificate(answer, what);
}

/** Someone who may enroll sends a request that is not in order: the answer has to be one of the statuses. */
export async function refusesRequest(
  server: EstServer,
  what: string,
  make: (device: string) => Buffer | RequestOptions,
  statuses: readonly number[] | '4xx' = [400],
): Promise<HttpAnswer> {
  const { device, ...applicant } = await server.applicant();
  const made = make(device);
  const answer = Buffer.isBuffer(made)
    ? await server.post('simpleenroll', made, applicant)
    : await server.fetch('simpleenroll', { ...applicant, ...made });
  refused(answer, statuses, what);
  return answer;
}

/** A refusal of a client certificate is 401, 403 or a failed handshake; the server just has to stay there. */
export async function refusesClient(
  server: EstServer,
  what: string,
  operation: 'simpleenroll' | 'simplereenroll',
  client: ClientCertificate,
  request: Buffer,
): Promise<void> {
  const answer = await server.post(operation, request, { client }).catch(() => undefined);
  if (answer !== undefined) refused(answer, [401, 403], what);
  const after = await server.fetch('cacerts');
  assert.equal(after.status, 200, `${what}: afterwards /cacerts answers ${after.status}`);
}

/** The answer to a request that only lacks an identity. */
export function postAnonymously(
  server: EstServer,
  operation = 'simpleenroll',
  options: RequestOptions = {},
): Promise<HttpAnswer> {
  return server.post(operation, certificateRequest('conformance-nobody', ecKey()), options);
}

/** The certificates of /cacerts, DER. */
export async function fetchCaCertificates(server: EstServer): Promise<Buffer[]> {
  const answer = await server.fetch('cacerts');
  assert.equal(answer.status, 200, `/cacerts: expected 200, got ${answer.status}`);
  return certificatesIn(decodeBase64(answer.body));
}

/** Asks for the names of the certificate again, octet by octet, as /simplereenroll wants it. */
export function renewalRequest(certificate: X509Certificate, key: Key): Buffer {
  const names = extensionValue(certificate, SUBJECT_ALT_NAME);
  return certificateRequest(subjectName(certificate), key, {
    attributes: names === undefined ? [] : [extensionRequest(extension(SUBJECT_ALT_NAME, names))],
  });
}

/** Whether the server speaks HTTP without TLS; undefined if it answers with nothing that is HTTP. */
export async function overPlainHttp(
  server: EstServer,
  operation: string,
  options: RequestOptions = {},
): Promise<HttpAnswer | undefined> {
  const socket = connectTcp({ host: server.host, port: server.port });
  const answers = new AnswerReader(socket);
  socket.write(server.encode(operation, options));
  socket.setTimeout(5_000, () => socket.end());
  try {
    return await answers.next();
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

export interface PresentedChain {
  readonly leaf: X509Certificate;
  /** What came after the leaf, as PEM. */
  readonly chain: readonly string[];
}

/** The certificates of the TLS handshake, as the server sent them. */
export async function presentedChain(server: EstServer): Promise<PresentedChain> {
  const { output } = await openssl([
    ...['s_client', '-showcerts', '-connect', `${server.host}:${server.port}`],
    ...(isIP(server.host) ? [] : ['-servername', server.host]),
  ]);
  const sent = output.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
  // Some versions of openssl print the leaf once more after the chain.
  const [leaf, ...chain] = [...new Set(sent)];
  assert.ok(leaf, 'the server presented no certificate');
  return { leaf: new X509Certificate(leaf), chain };
}

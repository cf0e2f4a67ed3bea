import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { type Element, parseBer } from './der.ts';
import type { HttpAnswer } from './http-answer.ts';

/** Base64 of RFC 4648 section 4, with line ends where the sender liked them, and nothing else. */
export function decodeBase64(body: Buffer): Buffer {
  const text = body.toString('latin1').replace(/[\r\n\t ]/g, '');
  assert.match(text, /^[A-Za-z0-9+/]+={0,2}$/, 'the body is base64 of DER without any armour');
  assert.equal(text.length % 4, 0, 'the base64 of the body is padded to groups of four');
  return Buffer.from(text, 'base64');
}

export interface SignedData {
  readonly version: Element;
  readonly digestAlgorithms: Element;
  readonly contentInfo: Element;
  readonly certificates: readonly Element[];
  readonly others: readonly Element[];
  readonly signerInfos: Element;
}

/** Opens ContentInfo and SignedData (RFC 5652 sections 3 and 5.1) without judging what is inside. */
export function signedData(der: Buffer): SignedData {
  const outer = parseBer(der);
  const [type, wrapper] = outer.children;
  assert.equal(type?.contents.toString('hex'), '2a864886f70d010702', 'content type is signedData');
  const parts = wrapper?.children[0]?.children ?? [];
  const [version, digestAlgorithms, contentInfo, ...rest] = parts;
  const signerInfos = rest.at(-1);
  assert.ok(version && digestAlgorithms && contentInfo && signerInfos, 'SignedData is complete');
  return {
    version,
    digestAlgorithms,
    contentInfo,
    certificates: rest.find((element) => element.tag === 0xa0)?.children ?? [],
    others: rest.slice(0, -1).filter((element) => element.tag !== 0xa0),
    signerInfos,
  };
}

export function certificatesIn(der: Buffer): Buffer[] {
  return signedData(der).certificates.map((certificate) => certificate.encoded);
}

/** The one certificate of a successful enrollment; says what came instead. */
export function issuedCertificate(answer: HttpAnswer, what: string): X509Certificate {
  assert.equal(answer.status, 200, `${what}: expected 200, got ${describe(answer)}`);
  const [certificate] = certificatesIn(decodeBase64(answer.body));
  assert.ok(certificate, `${what}: the answer holds no certificate`);
  return new X509Certificate(certificate);
}

export function refused(
  answer: HttpAnswer,
  statuses: readonly number[] | '4xx',
  what: string,
): void {
  const expected =
    statuses === '4xx'
      ? answer.status >= 400 && answer.status < 500
      : statuses.includes(answer.status);
  const wanted = statuses === '4xx' ? 'a 4xx status' : statuses.join(' or ');
  assert.ok(expected, `${what}: expected ${wanted}, got ${describe(answer)}`);
}

export function answered(answer: HttpAnswer, status: number, what: string): void {
  assert.equal(answer.status, status, `${what}: expected ${status}, got ${describe(answer)}`);
}

function describe(answer: HttpAnswer): string {
  const text = answer.body.toString().slice(0, 120).replace(/\s+/g, ' ').trim();
  return text === '' || answer.status === 200 ? `${answer.status}` : `${answer.status} (${text})`;
}

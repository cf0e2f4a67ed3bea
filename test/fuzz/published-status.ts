/**
 * CRLs and OCSP answers as a relying party reads them. Nothing that writes them is used here.
 */

import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { readTime } from '../../ca/certificate.ts';
import { type DerElement, readDer, tags } from '../../ca/der.ts';
import { octetsKey, oid } from '../../ca/object-identifiers.ts';
import { openssl } from '../support/est-client.ts';

export interface PublishedRevocation {
  readonly at: Date;
  /** CRLReason by number (RFC 5280 section 5.3.1). */
  readonly reason: number;
  readonly invalidityDate?: Date;
}

export interface ReadCrl {
  readonly number: number;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** By serial number, hexadecimal. */
  readonly revoked: ReadonlyMap<string, PublishedRevocation>;
}

/** @param publicKey of the issuer, SubjectPublicKeyInfo; an ECDSA key with SHA-256 */
export function readCrl(der: Uint8Array, publicKey: Uint8Array): ReadCrl {
  const [list, , signature] = partsOf(readDer(der), 3);
  assertSigned(list, signature, publicKey);
  const parts = list.children.slice(4);
  const [thisUpdate = assert.fail(), nextUpdate = assert.fail()] = list.children.slice(3);
  const entries = parts.find(({ tag }, i) => i > 0 && tag === tags.sequence);
  const revoked = new Map<string, PublishedRevocation>();
  for (const entry of entries?.children ?? []) {
    const [serial = assert.fail(), at = assert.fail(), extensions] = entry.children;
    const key = octetsKey(serial.content);
    assert.ok(!revoked.has(key), `${key} is listed twice`);
    const date = extensionValue(extensions, oid.invalidityDate);
    revoked.set(key, {
      at: readTime(at),
      reason: extensionValue(extensions, oid.reasonCode)?.content[0] ?? 0,
      ...(date ? { invalidityDate: generalizedTime(date) } : {}),
    });
  }
  const number = extensionValue(parts.at(-1)?.children[0], oid.cRLNumber);
  return {
    number: Number(`0x${octetsKey(number?.content ?? assert.fail('no cRLNumber'))}`),
    thisUpdate: readTime(thisUpdate),
    nextUpdate: readTime(nextUpdate),
    revoked,
  };
}

export type ReadStatus = 'good' | 'unknown' | PublishedRevocation;

/** What a BasicOCSPResponse says, by serial number. */
export function readOcspResponse(
  der: Uint8Array,
  responder: Uint8Array,
): Map<string, { status: ReadStatus; thisUpdate: Date; nextUpdate: Date }> {
  const bytes = readDer(der).children[1]?.children[0]?.children[1]?.content;
  const [data, , signature] = partsOf(readDer(bytes ?? assert.fail('no responseBytes')), 4);
  assertSigned(data, signature, responder);
  const answers = data.children.find(({ tag }) => tag === tags.sequence);
  return new Map(
    (answers?.children ?? []).map(({ children }) => {
      const [id, status, thisUpdate, next] = children;
      const serial = id?.children[3]?.content ?? assert.fail();
      const nextUpdate = next?.children[0] ?? assert.fail('no nextUpdate');
      return [
        octetsKey(serial),
        {
          status: readStatus(status ?? assert.fail()),
          thisUpdate: generalizedTime(thisUpdate ?? assert.fail()),
          nextUpdate: generalizedTime(nextUpdate),
        },
      ];
    }),
  );
}

function readStatus({ tag, children }: DerElement): ReadStatus {
  if (tag === 0x80) return 'good';
  if (tag === 0x82) return 'unknown';
  assert.equal(tag, 0xa1);
  const [at = assert.fail(), reason] = children;
  return { at: generalizedTime(at), reason: reason?.children[0]?.content[0] ?? 0 };
}

/** Serial numbers, hexadecimal, as `openssl crl` prints them. */
export function listedByOpenssl(der: Uint8Array): string[] {
  const text = openssl(['crl', '-inform', 'DER', '-noout', '-text'], der).toString();
  return [...text.matchAll(/Serial Number: ([0-9A-F]+)\n/g)].map(([, serial = '']) =>
    serial.toLowerCase(),
  );
}

function partsOf({ children }: DerElement, most: number): [DerElement, DerElement, DerElement] {
  const [first, second, third] = children;
  assert.ok(first && second && third && children.length <= most);
  return [first, second, third];
}

function assertSigned(signed: DerElement, signature: DerElement, spki: Uint8Array): void {
  const key = createPublicKey({ key: Buffer.from(spki), type: 'spki', format: 'der' });
  assert.ok(verify('sha256', signed.bytes, key, signature.content.subarray(1)), 'the signature');
}

/** The value of one of the extensions of a list. */
function extensionValue(list: DerElement | undefined, type: Uint8Array): DerElement | undefined {
  const extension = list?.children.find(
    ({ children: [id] }) => id && octetsKey(id.bytes) === octetsKey(type),
  );
  const value = extension?.children.at(-1)?.content;
  return value && readDer(value);
}

function generalizedTime({ tag, content }: DerElement): Date {
  assert.equal(tag, tags.generalizedTime);
  const digits = Buffer.from(content).toString('latin1');
  return new Date(digits.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

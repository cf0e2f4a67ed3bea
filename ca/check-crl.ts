/**
 * Re-reads the CRL that the HSM signed; releases nothing that differs from what was meant.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CaCertificate } from './ca-chain.ts';
import { readTime } from './certificate.ts';
import {
  type CrlStatement,
  entriesAtOnce,
  type RevokedCertificate,
  reasonCodes,
  version2,
  wholeSecond,
} from './crl.ts';
import { type DerElement, elementsIn, readDer, sameBytes, tags } from './der.ts';
import { octetsKey, oid } from './object-identifiers.ts';

/** A finished CRL is not what was meant to be signed: a fault of ours. */
export class CrlMismatch extends Error {
  override readonly name = 'CrlMismatch';
}

/** Finds in a CertificateList what was meant, and nothing else. @throws CrlMismatch, DerError or CertificateError */
export async function checkCrl(
  der: Uint8Array,
  statement: CrlStatement,
  issuer: CaCertificate,
): Promise<void> {
  const [outer, surplus] = elementsIn(der);
  const [toBeSigned, outerAlgorithm, signature, fourth] = elementsIn(outer?.content ?? der);
  demand(
    outer?.tag === tags.sequence &&
      !surplus &&
      toBeSigned?.tag === tags.sequence &&
      signature?.tag === tags.bitString &&
      !fourth,
    'form',
  );
  const [version, algorithm, name, thisUpdate, nextUpdate, ...rest] = elementsIn(
    toBeSigned?.content ?? der,
  );
  const extensions = rest.pop();
  const [list, ...more] = rest;
  demand(version !== undefined && sameBytes(version.bytes, version2), 'version');
  demand(
    algorithm !== undefined &&
      outerAlgorithm !== undefined &&
      sameBytes(algorithm.bytes, outerAlgorithm.bytes),
    'signature algorithm',
  );
  demand(name !== undefined && sameBytes(name.bytes, issuer.subject), 'issuer');
  demand(isTime(thisUpdate, statement.thisUpdate), 'thisUpdate');
  demand(isTime(nextUpdate, statement.nextUpdate), 'nextUpdate');
  demand(more.length === 0 && (!list || list.tag === tags.sequence), 'form');
  demand(extensions?.tag === 0xa0, 'extensions');
  checkExtensions(extensions?.bytes ?? der, statement.number, issuer);
  await checkEntries(list?.content, statement.revoked);
}

function checkExtensions(der: Uint8Array, number: number, issuer: CaCertificate): void {
  const [list, surplus] = readDer(der).children;
  const [authority, crlNumber, ...more] = list?.children ?? [];
  const keyIdentifier = readValue(authority, oid.authorityKeyIdentifier)?.children[0]?.content;
  demand(
    keyIdentifier !== undefined && sameBytes(keyIdentifier, issuer.keyIdentifier),
    'authorityKeyIdentifier',
  );
  const numbered = readValue(crlNumber, oid.cRLNumber);
  demand(
    numbered?.tag === tags.integer && BigInt(`0x${octetsKey(numbered.content)}`) === BigInt(number),
    'cRLNumber',
  );
  demand(!surplus && more.length === 0, 'extensions');
}

/** The value of an extension that is of this type and not critical, as all are here. */
function readValue(extension: DerElement | undefined, type: Uint8Array): DerElement | undefined {
  const [identifier, value, surplus] = extension?.children ?? [];
  if (!identifier || !value || surplus || !sameBytes(identifier.bytes, type)) return undefined;
  return value.tag === tags.octetString ? readDer(value.content) : undefined;
}

/** The same certificates in the same order, for the same reasons; and in ascending order, so that none stands twice. */
async function checkEntries(
  content: Uint8Array | undefined,
  revoked: readonly RevokedCertificate[],
): Promise<void> {
  demand(content === undefined || content.length > 0, 'revokedCertificates');
  let count = 0;
  for (const { bytes } of elementsIn(content ?? new Uint8Array())) {
    checkEntry(bytes, revoked[count]);
    const previous = revoked[count - 1];
    demand(!previous || previous.serialNumber < (revoked[count]?.serialNumber ?? ''), 'order');
    if (++count % entriesAtOnce === 0) await nextTurn();
  }
  demand(count === revoked.length, 'revokedCertificates');
}

function checkEntry(der: Uint8Array, expected: RevokedCertificate | undefined): void {
  const [serial, date, extensions, surplus] = readDer(der).children;
  const [first, second] = extensions?.children ?? [];
  const code = readValue(first, oid.reasonCode);
  const invalidityDate = readValue(code ? second : first, oid.invalidityDate);
  demand(
    expected !== undefined &&
      serial?.tag === tags.integer &&
      octetsKey(serial.content) === expected.serialNumber,
    'serial number',
  );
  demand(expected !== undefined && isTime(date, expected.revokedAt), 'revocationDate');
  demand(
    !surplus &&
      (extensions?.children.length ?? 0) === (code ? 1 : 0) + (invalidityDate ? 1 : 0) &&
      extensions?.children.length !== 0 &&
      reasonCodes[expected?.reason ?? 'unspecified'] === (code?.content[0] ?? 0),
    'reasonCode',
  );
  demand(isInvalidityDate(invalidityDate, expected?.invalidityDate), 'invalidityDate');
}

/** GeneralizedTime in any year (RFC 5280 section 5.3.2), unlike other times. */
function isInvalidityDate(element: DerElement | undefined, expected: Date | undefined): boolean {
  if (!element || !expected) return !element && !expected;
  const digits = Buffer.from(element.content).toString('latin1');
  const iso = digits.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
  return element.tag === tags.generalizedTime && iso === wholeSecond(expected).toISOString();
}

function isTime(element: { readonly bytes: Uint8Array } | undefined, expected: Date): boolean {
  if (!element) return false;
  return readTime(readDer(element.bytes)).getTime() === wholeSecond(expected).getTime();
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new CrlMismatch(`The signed CRL differs from what was meant: ${what}.`);
}

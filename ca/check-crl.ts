/**
 * Re-reads the CRL that the HSM signed; releases nothing that differs from what was meant.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CaCertificate } from './ca-chain.ts';
import { readTime } from './certificate.ts';
import {
  type CrlStatement,
  EntriesDigest,
  type EntriesMeaning,
  reasonCodes,
  reasonExtensions,
  version2,
  wholeSecond,
} from './crl.ts';
import { type DerElement, elementsIn, encode, latin1, readDer, sameBytes, tags } from './der.ts';
import type { RevocationReason } from './issuance-ledger.ts';
import { octetsKey, oid } from './object-identifiers.ts';

/** A finished CRL is not what was meant to be signed: a fault of ours. */
export class CrlMismatch extends Error {
  override readonly name = 'CrlMismatch';
}

/** As many entries as take about a millisecond; in between others have their turn. */
const entriesAtOnce = 500;

/**
 * Finds in a CertificateList what was meant, and nothing else.
 * @param meant the meaning of its entries
 * @throws CrlMismatch, DerError or CertificateError
 */
export async function checkCrl(
  der: Uint8Array,
  statement: CrlStatement,
  meant: EntriesMeaning,
  issuer: Pick<CaCertificate, 'subject' | 'keyIdentifier'>,
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
  checkExtensions(extensions?.bytes ?? der, statement, issuer);
  await checkEntries(list?.content, meant);
}

function checkExtensions(
  der: Uint8Array,
  { number, distributionPoint }: CrlStatement,
  issuer: Pick<CaCertificate, 'keyIdentifier'>,
): void {
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
  const scope = distributionPoint ? more.shift() : undefined;
  demand(!distributionPoint || isScope(scope, distributionPoint), 'issuingDistributionPoint');
  demand(!surplus && more.length === 0, 'extensions');
}

/** The value of an extension that is of this type and not critical, as all but one are here. */
function readValue(extension: DerElement | undefined, type: Uint8Array): DerElement | undefined {
  const [identifier, value, surplus] = extension?.children ?? [];
  if (!identifier || !value || surplus || !sameBytes(identifier.bytes, type)) return undefined;
  return value.tag === tags.octetString ? readDer(value.content) : undefined;
}

/** issuingDistributionPoint, critical: these addresses, for end entity certificates, and nothing else. */
function isScope(extension: DerElement | undefined, uris: readonly string[]): boolean {
  const [identifier, critical, value, surplus] = extension?.children ?? [];
  if (!identifier || !sameBytes(identifier.bytes, oid.issuingDistributionPoint)) return false;
  if (critical?.tag !== tags.boolean || critical.content[0] !== 0xff) return false;
  if (value?.tag !== tags.octetString || surplus) return false;
  const [point, usersOnly, more] = readDer(value.content).children;
  const [fullName, another] = point?.children ?? [];
  const names = fullName?.children ?? [];
  return (
    point?.tag === 0xa0 &&
    fullName?.tag === 0xa0 &&
    !another &&
    names.length === uris.length &&
    names.every(
      ({ tag, content }, i) => tag === 0x86 && Buffer.from(content).toString('latin1') === uris[i],
    ) &&
    usersOnly?.tag === 0x81 &&
    octetsKey(usersOnly.content) === 'ff' &&
    !more
  );
}

/** The same certificates in the same order, for the same reasons; and in ascending order, so that none stands twice. */
async function checkEntries(content: Uint8Array | undefined, meant: EntriesMeaning): Promise<void> {
  demand(content === undefined || content.length > 0, 'revokedCertificates');
  const found = new EntriesDigest();
  let previous = '';
  let count = 0;
  for (const entry of elementsIn(content ?? new Uint8Array())) {
    const serialNumber = readEntry(entry, found);
    demand(previous < serialNumber, 'order');
    previous = serialNumber;
    if (++count % entriesAtOnce === 0) await nextTurn();
  }
  const { digest } = found.meaning();
  demand(count === meant.count && digest === meant.digest, 'revokedCertificates');
}

interface SaidOfEntry {
  /** CRLReason code. */
  readonly reason: number;
  readonly invalidityDate?: Date;
}

/** By octets: what entries mostly have, which saves taking the same apart a million times. */
const reasonsAlone = new Map<string, SaidOfEntry>(
  Object.entries(reasonExtensions).map(([reason, extension]) => [
    latin1(encode(tags.sequence, extension)),
    { reason: reasonCodes[reason as RevocationReason] },
  ]),
);
reasonsAlone.delete(latin1(encode(tags.sequence)));
const codes = new Set(Object.values(reasonCodes));

/** Adds what an entry says to what was found. @returns its serial number, hexadecimal */
function readEntry(
  { tag, content }: Pick<DerElement, 'tag' | 'content'>,
  found: EntriesDigest,
): string {
  const [serial, date, extensions, surplus] = elementsIn(content);
  demand(tag === tags.sequence && serial?.tag === tags.integer && !surplus, 'serial number');
  const serialNumber = octetsKey(readDer(serial?.bytes ?? content).content);
  const revokedAt = readTime(readDer(date?.bytes ?? content));
  const { reason, invalidityDate } = extensions
    ? (reasonsAlone.get(latin1(extensions.bytes)) ?? readExtensions(extensions.bytes))
    : { reason: 0 };
  found.add(serialNumber, revokedAt, reason, invalidityDate);
  return serialNumber;
}

/** crlEntryExtensions (RFC 5280 section 5.3): a reason, since when it is not to be trusted, or both. */
function readExtensions(der: Uint8Array): SaidOfEntry {
  const { tag, children } = readDer(der);
  const [first, second] = children;
  const code = readValue(first, oid.reasonCode);
  const since = readValue(code ? second : first, oid.invalidityDate);
  demand(
    tag === tags.sequence &&
      children.length > 0 &&
      children.length === (code ? 1 : 0) + (since ? 1 : 0),
    'crlEntryExtensions',
  );
  const reason = code?.content[0] ?? 0;
  demand(
    !code || (code.tag === 0x0a && code.content.length === 1 && reason > 0 && codes.has(reason)),
    'reasonCode',
  );
  return { reason, ...(since ? { invalidityDate: invalidityIn(since) } : {}) };
}

/** GeneralizedTime in any year (RFC 5280 section 5.3.2), unlike other times. */
function invalidityIn({ tag, content }: DerElement): Date {
  const digits = Buffer.from(content).toString('latin1');
  const iso = digits.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
  const time = new Date(iso);
  demand(
    tag === tags.generalizedTime && !Number.isNaN(time.getTime()) && time.toISOString() === iso,
    'invalidityDate',
  );
  return time;
}

function isTime(element: { readonly bytes: Uint8Array } | undefined, expected: Date): boolean {
  if (!element) return false;
  return readTime(readDer(element.bytes)).getTime() === wholeSecond(expected).getTime();
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new CrlMismatch(`The signed CRL differs from what was meant: ${what}.`);
}

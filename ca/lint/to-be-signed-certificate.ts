/**
 * A TBSCertificate (RFC 5280 section 4.1) as the linter looks at it: every part as it stands, nothing taken for granted.
 */

import { CertificateError, readTime } from '../certificate.ts';
import { type DerElement, DerError, encodeOid, readDer, tags } from '../der.ts';
import { octetsKey } from '../object-identifiers.ts';

export interface LintedExtension {
  /** Hexadecimal DER of its object identifier. */
  readonly type: string;
  readonly critical: boolean;
  /** Whether `critical` was written although it is FALSE, its default. */
  readonly explicitDefault: boolean;
  readonly value: DerElement;
}

export interface ToBeSignedCertificate {
  readonly version: DerElement | undefined;
  readonly serialNumber: DerElement;
  readonly algorithm: DerElement;
  readonly issuer: DerElement;
  /** Undefined where a time is not in its one encoding (RFC 5280 section 4.1.2.5). */
  readonly notBefore: Date | undefined;
  readonly notAfter: Date | undefined;
  readonly subject: DerElement;
  readonly key: DerElement;
  /** What stands behind the key: unique identifiers and extensions. */
  readonly rest: readonly DerElement[];
  readonly extensions: readonly LintedExtension[];
  /** The first of each type. */
  readonly byType: ReadonlyMap<string, LintedExtension>;
  /** The usages that are set; undefined where there is no keyUsage. */
  readonly usages: ReadonlySet<UsageBit> | undefined;
}

/** @returns undefined when the octets are no TBSCertificate at all */
export function readToBeSigned(octets: Uint8Array): ToBeSignedCertificate | undefined {
  try {
    return readParts(readDer(octets));
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

function readParts({ tag, children }: DerElement): ToBeSignedCertificate | undefined {
  const version = children[0]?.tag === 0xa0 ? children[0] : undefined;
  const [serialNumber, algorithm, issuer, validity, subject, key, ...rest] = version
    ? children.slice(1)
    : children;
  const [notBefore, notAfter, surplus] = validity?.children ?? [];
  if (
    tag !== tags.sequence ||
    serialNumber?.tag !== tags.integer ||
    !algorithm ||
    issuer?.tag !== tags.sequence ||
    !notBefore ||
    !notAfter ||
    surplus ||
    subject?.tag !== tags.sequence ||
    key?.tag !== tags.sequence
  )
    return undefined;
  const list = rest.find((part) => part.tag === 0xa3)?.children[0]?.children ?? [];
  const extensions = list.map(readExtension).filter((extension) => extension !== undefined);
  if (extensions.length < list.length) return undefined;
  const byType = new Map(extensions.toReversed().map((extension) => [extension.type, extension]));
  return {
    version,
    serialNumber,
    algorithm,
    issuer,
    notBefore: readValidTime(notBefore),
    notAfter: readValidTime(notAfter),
    subject,
    key,
    rest,
    extensions,
    byType,
    usages: usagesIn(byType.get(keyUsage)),
  };
}

function readValidTime(time: DerElement): Date | undefined {
  try {
    return readTime(time);
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
}

function readExtension({ children }: DerElement): LintedExtension | undefined {
  const [type, ...more] = children;
  const value = more.at(-1);
  const critical = more.length === 2 ? more[0] : undefined;
  if (type?.tag !== tags.oid || value?.tag !== tags.octetString || more.length > 2)
    return undefined;
  return {
    type: octetsKey(type.bytes),
    critical: critical?.content[0] === 0xff,
    explicitDefault: critical?.content[0] === 0,
    value: readDer(value.content),
  };
}

/** The hexadecimal DER of an object identifier, as `LintedExtension.type` has it. */
export function typeOf(dotted: string): string {
  return octetsKey(encodeOid(dotted));
}

const keyUsage = typeOf('2.5.29.15');

/** Bit n of keyUsage (RFC 5280 section 4.2.1.3). */
export const usageBit = {
  digitalSignature: 0,
  nonRepudiation: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
  encipherOnly: 7,
  decipherOnly: 8,
} as const;
export type UsageBit = keyof typeof usageBit;

const usageNames = Object.entries(usageBit) as [UsageBit, number][];

function usagesIn(extension: LintedExtension | undefined): Set<UsageBit> | undefined {
  const octets = extension?.value.content.subarray(1);
  if (!octets) return undefined;
  return new Set(
    usageNames
      .filter(([, bit]) => (octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7)))
      .map(([name]) => name),
  );
}

/**
 * A TBSCertificate (RFC 5280 section 4.1) as the linter looks at it: every part as it stands, nothing taken for granted.
 */

import { CertificateError, readTime } from '../certificate.ts';
import { type DerElement, DerError, readDer, tags } from '../der.ts';
import {
  type LintedExtension,
  type LintedExtensions,
  readExtensions,
  typeOf,
} from './linted-extension.ts';

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
  readonly extensions: LintedExtensions;
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
  const extensions = readExtensions(rest.find((part) => part.tag === 0xa3)?.children[0]);
  if (!extensions) return undefined;
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
    usages: usagesIn(extensions.byType.get(keyUsage)),
  };
}

/** @returns undefined where it is not in its one encoding (RFC 5280 section 4.1.2.5) */
export function readValidTime(time: DerElement): Date | undefined {
  try {
    return readTime(time);
  } catch (error) {
    if (error instanceof CertificateError) return undefined;
    throw error;
  }
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

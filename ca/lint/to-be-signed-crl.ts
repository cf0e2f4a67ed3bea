/** A TBSCertList (RFC 5280 section 5.1) as the linter looks at it. */

import { type DerElement, DerError, readDer, tags } from '../der.ts';
import { type EntriesSeen, lintEntries } from './crl-entries.ts';
import { DerCursor } from './der-cursor.ts';
import { type LintedExtensions, readExtensions } from './linted-extension.ts';
import { readValidTime } from './to-be-signed-certificate.ts';

export interface ToBeSignedCrl {
  readonly version: DerElement | undefined;
  readonly algorithm: DerElement;
  readonly issuer: DerElement;
  /** Undefined where it is not in its one encoding (RFC 5280 section 5.1.2.4). */
  readonly thisUpdate: Date | undefined;
  /** Absent where there is none. */
  readonly nextUpdate?: Date | undefined;
  /** Absent where there is no revokedCertificates. */
  readonly entries?: EntriesSeen;
  readonly extensions: LintedExtensions;
}

/** @returns undefined when the octets are no TBSCertList at all */
export async function readToBeSignedCrl(octets: Uint8Array): Promise<ToBeSignedCrl | undefined> {
  try {
    return await readParts(octets);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

async function readParts(octets: Uint8Array): Promise<ToBeSignedCrl | undefined> {
  const whole = new DerCursor(octets);
  if (!whole.next() || whole.tag !== tags.sequence || whole.end < octets.length) return undefined;
  const parts = whole.inside();
  let more = parts.next();
  /** The part it stands on, if it has one of these tags. */
  const take = (...allowed: readonly number[]): DerElement | undefined => {
    if (!more || !allowed.includes(parts.tag)) return undefined;
    const element = readDer(parts.bytes);
    more = parts.next();
    return element;
  };
  const version = take(tags.integer);
  const algorithm = take(tags.sequence);
  const issuer = take(tags.sequence);
  const thisUpdate = take(tags.utcTime, tags.generalizedTime);
  const nextUpdate = take(tags.utcTime, tags.generalizedTime);
  let entries: EntriesSeen | undefined;
  if (more && parts.tag === tags.sequence) {
    entries = await lintEntries(parts);
    more = parts.next();
  }
  const explicit = take(0xa0);
  const extensions = readExtensions(explicit?.children[0]);
  if (!algorithm || !issuer || !thisUpdate || more || !extensions) return undefined;
  if (explicit && explicit.children.length !== 1) return undefined;
  return {
    version,
    algorithm,
    issuer,
    thisUpdate: readValidTime(thisUpdate),
    ...(nextUpdate ? { nextUpdate: readValidTime(nextUpdate) } : {}),
    ...(entries ? { entries } : {}),
    extensions,
  };
}

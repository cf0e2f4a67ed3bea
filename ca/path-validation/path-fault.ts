/**
 * Why a certification path is not good (RFC 5280 section 6.1). A value, not an error: other paths may be tried.
 */

import type { Certificate } from '../certificate.ts';
import { readDer } from '../der.ts';
import { describeName, readName } from '../distinguished-name.ts';
import { Refusal } from '../refusal.ts';

export type PathFaultCode =
  | 'malformed'
  | 'no-trust-anchor'
  | 'bad-signature'
  | 'weak-signature'
  | 'weak-key'
  | 'not-yet-valid'
  | 'expired'
  | 'not-a-ca'
  | 'path-too-long'
  | 'key-usage'
  | 'extended-key-usage'
  | 'name-constraints'
  | 'policy-constraints'
  | 'unknown-critical-extension'
  | 'ca-certificate';

export interface PathFault {
  readonly code: PathFaultCode;
  /** One sentence. */
  readonly says: string;
}

export function pathFault(code: PathFaultCode, says: string): PathFault {
  return { code, says };
}

/** For sentences: the name as far as it can be read. */
export function nameText(name: Uint8Array): string {
  try {
    return describeName(readName(readDer(name))) || 'an empty name';
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return 'a name that cannot be shown';
  }
}

/** For sentences: whose certificate it is. */
export function subjectText({ subject }: Pick<Certificate, 'subject'>): string {
  return nameText(subject);
}

/** An Extension (RFC 5280 section 4.1) as the linter looks at it: every part as it stands. */

import { type DerElement, encodeOid, readDer, tags } from '../der.ts';
import { octetsKey } from '../object-identifiers.ts';

export interface LintedExtension {
  /** Hexadecimal DER of its object identifier. */
  readonly type: string;
  readonly critical: boolean;
  /** Whether `critical` was written although it is FALSE, its default. */
  readonly explicitDefault: boolean;
  readonly value: DerElement;
}

/** The extensions of a certificate, of a CRL or its entry, or of an OCSP response. */
export interface LintedExtensions {
  readonly all: readonly LintedExtension[];
  /** The first of each type. */
  readonly byType: ReadonlyMap<string, LintedExtension>;
}

/**
 * @param list Extensions; undefined where there are none
 * @returns undefined when one is no Extension at all, or the list is there and empty
 * @throws DerError when the value of one is not DER
 */
export function readExtensions(list: DerElement | undefined): LintedExtensions | undefined {
  if (!list) return { all: [], byType: new Map() };
  const all = list.children.map(readExtension).filter((extension) => extension !== undefined);
  if (list.tag !== tags.sequence || all.length === 0 || all.length < list.children.length)
    return undefined;
  const byType = new Map(all.toReversed().map((extension) => [extension.type, extension]));
  return { all, byType };
}

function readExtension({ tag, children }: DerElement): LintedExtension | undefined {
  const [type, ...more] = children;
  const value = more.at(-1);
  const critical = more.length === 2 ? more[0] : undefined;
  if (
    tag !== tags.sequence ||
    type?.tag !== tags.oid ||
    value?.tag !== tags.octetString ||
    more.length > 2 ||
    (critical && critical.tag !== tags.boolean)
  )
    return undefined;
  return {
    type: octetsKey(type.bytes),
    critical: critical?.content[0] === 0xff,
    explicitDefault: critical?.content[0] === 0,
    value: readDer(value.content),
  };
}

export function standsTwice({ all, byType }: LintedExtensions): boolean {
  return byType.size < all.length;
}

/** The hexadecimal DER of an object identifier, as `LintedExtension.type` has it. */
export function typeOf(dotted: string): string {
  return octetsKey(encodeOid(dotted));
}

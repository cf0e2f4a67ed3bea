/**
 * Looks over the entries of a CRL (RFC 5280 sections 5.1.2.6 and 5.3), one after the other in place: there may be
 * millions, and what is kept of them is what was wrong.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { readDer, tags } from '../der.ts';
import type { DerCursor } from './der-cursor.ts';
import { type LintedExtension, readExtensions, standsTwice, typeOf } from './linted-extension.ts';
import { isGeneralizedTime, isTime } from './times.ts';

export type EntryFault =
  | 'form'
  | 'order'
  | 'time'
  | 'reason'
  | 'invalidity-date'
  | 'twice'
  | 'critical'
  | 'explicit-default';

export interface EntriesSeen {
  readonly count: number;
  readonly faults: ReadonlySet<EntryFault>;
}

const enumerated = 0x0a;
const reasonCode = typeOf('2.5.29.21');
const invalidityDate = typeOf('2.5.29.24');
/**
 * CRLReason (RFC 5280 section 5.3.1): neither unspecified(0), which is said by saying nothing, nor 7, which is nothing,
 * nor removeFromCRL(8), which is for delta CRLs, and there are none here.
 */
const reasons: ReadonlySet<number | undefined> = new Set([1, 2, 3, 4, 5, 6, 9, 10]);
const mostSerialOctets = 20;
/** As many as take less than a millisecond. */
const entriesAtOnce = 2000;
/** Entries say few different things of themselves, unless they have an invalidityDate. */
const mostVerdicts = 1000;

/** @param list on the revokedCertificates @throws DerError */
export async function lintEntries(list: DerCursor): Promise<EntriesSeen> {
  const faults = new Set<EntryFault>();
  const judge = new ExtensionsJudge();
  const entry = list.inside();
  const part = list.inside();
  const previous = { start: 0, end: 0 };
  let count = 0;
  while (entry.next()) {
    part.enter(entry);
    const isNumbered = part.next() && isSerialNumber(part);
    if (entry.tag !== tags.sequence || !isNumbered) faults.add('form');
    if (count > 0 && !follows(part, previous)) faults.add('order');
    previous.start = part.start;
    previous.end = part.end;
    if (!part.next() || !isTime(part.octets, part.tag, part.start, part.end)) faults.add('time');
    if (part.next()) for (const fault of judge.faultsIn(part.bytes)) faults.add(fault);
    if (part.next()) faults.add('form');
    if (++count % entriesAtOnce === 0) await nextTurn();
  }
  return { count, faults };
}

/** Positive, in the fewest octets. */
function isSerialNumber({ tag, octets, start, end }: DerCursor): boolean {
  const [first = 0x80, second = 0x80] = [octets[start], octets[start + 1]];
  const length = end - start;
  if (tag !== tags.integer || length < 1 || length > mostSerialOctets) return false;
  return first < 0x80 && (first > 0 || (length > 1 && second >= 0x80));
}

/** The order of octets shows in passing that no serial number stands twice. */
function follows(
  { octets, start, end }: DerCursor,
  previous: { readonly start: number; readonly end: number },
): boolean {
  const all = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  return all.compare(octets, previous.start, previous.end, start, end) > 0;
}

/** Judges crlEntryExtensions, and those that say the same once. */
class ExtensionsJudge {
  readonly #verdicts = new Map<string, readonly EntryFault[]>();

  faultsIn(der: Uint8Array): readonly EntryFault[] {
    const key = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('latin1');
    let verdict = this.#verdicts.get(key);
    if (!verdict) {
      verdict = [...faultsOf(der)];
      if (this.#verdicts.size >= mostVerdicts) this.#verdicts.clear();
      this.#verdicts.set(key, verdict);
    }
    return verdict;
  }
}

function* faultsOf(der: Uint8Array): Generator<EntryFault> {
  const extensions = readExtensions(readDer(der));
  if (!extensions) {
    yield 'form';
    return;
  }
  if (standsTwice(extensions)) yield 'twice';
  for (const extension of extensions.all) {
    if (extension.explicitDefault) yield 'explicit-default';
    const fault = faultOf(extension);
    if (fault) yield fault;
  }
}

function faultOf({ type, critical, value: { tag, content } }: LintedExtension) {
  switch (type) {
    case reasonCode:
      return !critical && tag === enumerated && content.length === 1 && reasons.has(content[0])
        ? undefined
        : 'reason';
    case invalidityDate:
      return !critical &&
        tag === tags.generalizedTime &&
        isGeneralizedTime(content, 0, content.length)
        ? undefined
        : 'invalidity-date';
    default:
      return critical ? 'critical' : undefined;
  }
}

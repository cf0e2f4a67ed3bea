import { DerError } from '../der.ts';

/**
 * Walks in place over elements that stand one after another, for lists so long that an object for each of their elements
 * would not fit. Lengths must have their one encoding (X.690 section 10.1); what is inside is for others to judge.
 */
export class DerCursor {
  readonly octets: Uint8Array;
  #limit: number;
  /** Of the element it stands on: its tag, where it begins, where its content begins, and where it ends. */
  tag = 0;
  begin = 0;
  start = 0;
  end = 0;

  constructor(octets: Uint8Array) {
    this.octets = octets;
    this.#limit = octets.length;
  }

  /** A cursor for what is inside the element this one stands on. */
  inside(): DerCursor {
    const cursor = new DerCursor(this.octets);
    cursor.enter(this);
    return cursor;
  }

  /** From now on it walks inside the element that another cursor over the same octets stands on. */
  enter({ start, end }: DerCursor): void {
    this.end = start;
    this.#limit = end;
  }

  /** @returns false behind the last element. @throws DerError */
  next(): boolean {
    if (this.end === this.#limit) return false;
    this.begin = this.end;
    this.tag = this.#octetAt(this.begin);
    const length = this.#readLength();
    if (length > this.#limit - this.start) throw new DerError('a length points beyond the end');
    this.end = this.start + length;
    return true;
  }

  get bytes(): Uint8Array {
    return this.octets.subarray(this.begin, this.end);
  }

  /** Up to four octets of length: 4 GiB. */
  #readLength(): number {
    const first = this.#octetAt(this.begin + 1);
    this.start = this.begin + 2;
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new DerError('a length is indefinite or too large');
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#octetAt(this.start++);
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('a length is not minimal');
    return length;
  }

  #octetAt(at: number): number {
    const octet = at < this.#limit ? this.octets[at] : undefined;
    if (octet === undefined) throw new DerError('it ends too early');
    return octet;
  }
}

/**
 * Nothing is issued by a clock that is known to be wrong: what it dates would be trusted at the wrong times, and the
 * order of events on record would be lost.
 */

import type { CaCertificate } from './ca-chain.ts';
import type { IssuanceLedger } from './issuance-ledger.ts';
import { Unavailable } from './unavailable.ts';

/** Milliseconds: how far behind the audit log the clock may be, as by the correction of a clock that ran fast. */
export const clockTolerance = 5 * 60_000;

/** The clock stands where no certificate can be issued; the message is for the operator. */
export class ClockRefused extends Unavailable {
  override readonly name: string = 'ClockRefused';

  constructor(message: string) {
    super(message, 300);
  }
}

/** Before the CA began or at its end. */
export class OutsideCaValidity extends ClockRefused {
  override readonly name = 'OutsideCaValidity';
}

type Issuer = Pick<CaCertificate, 'notBefore' | 'notAfter'>;

/** Milliseconds for which a look at the audit log counts, while the clock goes forward. */
const looksEvery = 1000;

export class ClockGuard {
  readonly #issuer: Issuer;
  readonly #ledger: Pick<IssuanceLedger, 'latestEntry'>;
  #lookedAt: number | undefined;

  constructor(issuer: Issuer, ledger: Pick<IssuanceLedger, 'latestEntry'>) {
    this.#issuer = issuer;
    this.#ledger = ledger;
  }

  /** @throws ClockRefused */
  async require(now: Date): Promise<void> {
    const { notBefore, notAfter } = this.#issuer;
    if (now < notBefore || now >= notAfter)
      throw new OutsideCaValidity(
        `The clock says ${now.toISOString()}, but the issuing CA is valid from ${notBefore.toISOString()} to ${notAfter.toISOString()}.`,
      );
    const time = now.getTime();
    const since = this.#lookedAt === undefined ? undefined : time - this.#lookedAt;
    if (since !== undefined && since >= 0 && since < looksEvery) return;
    const latest = await this.#ledger.latestEntry();
    if (latest && latest.getTime() - time > clockTolerance)
      throw new ClockRefused(
        `The clock says ${now.toISOString()}, but the audit log has an entry of ${latest.toISOString()}: set the clock right, or, if it is right now, run \`bestow ca accept-clock\`.`,
      );
    this.#lookedAt = time;
  }
}

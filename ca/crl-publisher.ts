/**
 * Answers with the current CRL, and makes a new one when there is something new to say or half of its life has passed.
 */

import type { CaCertificate } from './ca-chain.ts';
import { checkCrl } from './check-crl.ts';
import { composeCrl, type RevokedCertificate, wholeSecond } from './crl.ts';
import type { CrlRecord, CrlStore, RevocationState, RevokedPlace } from './crl-store.ts';
import { signStructure } from './sign-structure.ts';
import { type Signer, SignerUnavailable } from './signer.ts';
import { Unavailable } from './unavailable.ts';

export interface CrlPublisherParts {
  readonly issuer: CaCertificate;
  readonly signer: Signer;
  readonly store: CrlStore;
  /** From thisUpdate to nextUpdate. */
  readonly validitySeconds: number;
  /** Told why no new CRL could be made, where the last one had to serve on. */
  report(error: unknown): void;
  readonly clock?: () => Date;
}

const pageSize = 500;
/** One for a CRL that was begun before the caller's revocation, and some that other processes may win. */
const attempts = 5;

export class CrlPublisher {
  readonly #parts: CrlPublisherParts;
  readonly #clock: () => Date;
  #held: CrlRecord | undefined;
  #making: Promise<CrlRecord | undefined> | undefined;

  constructor(parts: CrlPublisherParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? (() => new Date());
  }

  /**
   * A CRL that knows of every revocation made before the call; while no new one can be made, the last one as long as it
   * is valid.
   * @throws Unavailable; SignatureFault, CrlMismatch
   */
  async current(): Promise<CrlRecord> {
    const { store, issuer, report } = this.#parts;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const state = await store.state(issuer.id);
      const newest = await this.#newest(state.newest);
      if (newest && this.#isCurrent(newest, state)) return newest;
      try {
        const made = await this.#makeOnce(state, newest);
        if (made && made.revocations >= state.revocations) return made;
      } catch (error) {
        if (!newest || !isValid(newest, this.#clock())) throw error;
        report(error);
        return newest;
      }
    }
    throw new Unavailable('Others issued CRLs faster than this process could.', 1);
  }

  /** Kept, since it is large and seldom changes. */
  async #newest(number: number): Promise<CrlRecord | undefined> {
    if (number !== (this.#held?.number ?? 0))
      this.#held = await this.#parts.store.newest(this.#parts.issuer.id);
    return this.#held;
  }

  #isCurrent({ thisUpdate, nextUpdate, revocations }: CrlRecord, state: RevocationState): boolean {
    const age = this.#clock().getTime() - thisUpdate.getTime();
    const life = nextUpdate.getTime() - thisUpdate.getTime();
    const configured = this.#parts.validitySeconds * 1000;
    return revocations >= state.revocations && age >= 0 && age < Math.min(life, configured) / 2;
  }

  /** Callers that come while a CRL is made share it. */
  #makeOnce(
    state: RevocationState,
    previous: CrlRecord | undefined,
  ): Promise<CrlRecord | undefined> {
    this.#making ??= this.#make(state, previous).finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  /**
   * The state is older than the list, so the list may know of more than the CRL claims, never of less.
   * @returns undefined when another process issued the CRL of that number
   */
  async #make(
    { newest, revocations }: RevocationState,
    previous: CrlRecord | undefined,
  ): Promise<CrlRecord | undefined> {
    const { issuer, signer, store, validitySeconds } = this.#parts;
    if (!signer.available)
      throw new SignerUnavailable('The CA key is out of reach; no CRL can be signed.');
    const now = this.#clock();
    const thisUpdate = wholeSecond(now);
    const statement = {
      number: newest + 1,
      thisUpdate,
      nextUpdate: new Date(thisUpdate.getTime() + validitySeconds * 1000),
      revoked: await this.#revoked(this.#endingAfter(now, previous)),
    };
    const toBeSigned = await composeCrl(statement, issuer, signer.algorithm);
    const der = await signStructure(toBeSigned, signer);
    await checkCrl(der, statement, issuer);
    const { number, nextUpdate } = statement;
    const crl = { issuer: issuer.id, number, thisUpdate, nextUpdate, revocations, der };
    if (!(await store.add(crl))) return undefined;
    this.#held = crl;
    return crl;
  }

  /**
   * A certificate stays listed until a CRL was issued after its end (RFC 5280 section 3.3). That CRL may have been
   * replaced at once, because of another revocation, and seen by nobody: so it also stays for the life of one.
   */
  #endingAfter(now: Date, previous: CrlRecord | undefined): Date {
    const aLifeAgo = now.getTime() - this.#parts.validitySeconds * 1000;
    return new Date(Math.min(aLifeAgo, previous?.thisUpdate.getTime() ?? aLifeAgo));
  }

  async #revoked(endingAfter: Date): Promise<RevokedCertificate[]> {
    const { store, issuer } = this.#parts;
    const all: (RevokedCertificate & RevokedPlace)[] = [];
    let page: typeof all;
    do {
      const after = all.at(-1) ?? { notAfter: endingAfter, serialNumber: '' };
      page = await store.revoked(issuer.id, after, pageSize);
      all.push(...page);
    } while (page.length === pageSize);
    return all.sort((a, b) => (a.serialNumber < b.serialNumber ? -1 : 1));
  }
}

function isValid({ thisUpdate, nextUpdate }: CrlRecord, now: Date): boolean {
  return thisUpdate <= now && now < nextUpdate;
}

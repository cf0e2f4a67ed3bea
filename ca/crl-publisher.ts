/**
 * Answers with the current CRLs of one issuer, and makes new ones when there is something new to say or the last one comes
 * near its end.
 *
 * A CRL of up to `largeCrl` is made for whoever asks, so the answer knows of every revocation before the question. A larger
 * one takes longer than one may be kept waiting: it is made by the schedule alone (crl-schedule.ts), and until then the last
 * one is the answer, as long as it is valid.
 */

import { randomUUID } from 'node:crypto';
import type { CaCertificate } from './ca-chain.ts';
import { wholeSecond } from './crl.ts';
import { type CrlMaker, CrlMakerHere, signWith } from './crl-maker.ts';
import { crlUrlOf, wholeCrl } from './crl-partition.ts';
import type {
  CrlEdition,
  CrlRecord,
  CrlScope,
  CrlStore,
  RevocationState,
  ScopeState,
} from './crl-store.ts';
import { type Signer, SignerUnavailable, signatureHashOf } from './signer.ts';
import { Unavailable } from './unavailable.ts';

export interface CrlPublisherParts {
  readonly issuer: CaCertificate;
  readonly signer: Signer;
  readonly store: CrlStore;
  /** In this thread unless it is given. */
  readonly maker?: CrlMaker;
  /** From thisUpdate to nextUpdate. */
  readonly validitySeconds: number;
  /** How long before nextUpdate the next CRL is made at the latest; half of the validity unless it is given. */
  readonly overlapSeconds?: number;
  /** How many partitions new certificates go to; one unless it is given. */
  readonly partitions?: number;
  /** Where the whole CRL is, as certificates say; there are no partitions without it. */
  readonly url?: string;
  /** Told why no new CRL could be made, where the last one had to serve on. */
  report(error: unknown): void;
  /** Told once for each CRL that was given out though it does not know everything, because it is large. */
  behind?(crl: CrlRecord): void;
  readonly clock?: () => Date;
}

/** Octets: some 25,000 entries, which take a quarter of a second. */
export const largeCrl = 2 ** 20;

/** One for a CRL that was begun before the caller's revocation, and some that other processes may win. */
const attempts = 5;
/** Milliseconds after which another may take the turn of one who says nothing more, and how often one says so. */
const turn = { lasts: 60_000, kept: 20_000 };

type Previous = Pick<CrlEdition, 'thisUpdate'>;

export class CrlPublisher {
  readonly #parts: CrlPublisherParts;
  readonly #maker: CrlMaker;
  readonly #clock: () => Date;
  readonly #held = new Map<number, CrlRecord>();
  readonly #making = new Map<number, Promise<CrlRecord | undefined>>();
  readonly #saidBehind = new Map<number, number>();
  readonly #name = randomUUID();
  #opened: Promise<void> | undefined;

  constructor(parts: CrlPublisherParts) {
    this.#parts = parts;
    this.#maker = parts.maker ?? new CrlMakerHere(parts.store);
    this.#clock = parts.clock ?? (() => new Date());
  }

  /** `CaCertificate.id`. */
  get issuer(): string {
    return this.#parts.issuer.id;
  }

  /**
   * Makes the scopes known that certificates will be issued in. To be called before the first is issued.
   */
  open(): Promise<void> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** All scopes there ever were, and what their newest CRLs are. */
  async states(): Promise<ScopeState[]> {
    await this.open();
    return this.#parts.store.states(this.issuer);
  }

  /**
   * A CRL that knows of every revocation made before the call, unless it is a large one; while no new one can be made, the
   * last one as long as it is valid.
   * @throws Unavailable; SignatureFault, CrlMismatch; RangeError for a partition there never was
   */
  current(partition = wholeCrl): Promise<CrlRecord> {
    return this.#current(partition, largeCrl);
  }

  /** The same, however large the CRL is. */
  complete(partition = wholeCrl): Promise<CrlRecord> {
    return this.#current(partition, Number.POSITIVE_INFINITY);
  }

  /** Whether there ever was such a partition. */
  async has(partition: number): Promise<boolean> {
    await this.open();
    return (await this.#parts.store.state(this.#scope(partition))) !== undefined;
  }

  /** The newest CRL as it is. */
  async newest({ partition, newest }: ScopeState): Promise<CrlRecord | undefined> {
    return this.#newest(partition, newest);
  }

  /** When the next CRL is due at the latest; in the past where it is due now. */
  dueAt({ edition, revocations }: ScopeState): Date {
    if (!edition || edition.revocations < revocations) return new Date(0);
    if (edition.thisUpdate > this.#clock()) return new Date(0);
    const { validitySeconds, overlapSeconds = validitySeconds / 2 } = this.#parts;
    const said = edition.nextUpdate.getTime() - edition.thisUpdate.getTime();
    const life = Math.min(said, validitySeconds * 1000);
    // One that was made under another configuration may be too short for the overlap of this one.
    const overlap = overlapSeconds * 1000 < life ? overlapSeconds * 1000 : life / 2;
    return new Date(edition.thisUpdate.getTime() + life - overlap);
  }

  /**
   * Makes the next CRL of a scope if it is due and nobody else is at it.
   * @throws as `current` does
   */
  async renew(state: ScopeState): Promise<CrlRecord | undefined> {
    const { partition } = state;
    if (this.dueAt(state) > this.#clock() || !(await this.#takeTurn(partition))) return undefined;
    const kept = setInterval(() => void this.#takeTurn(partition).catch(() => false), turn.kept);
    try {
      return await this.#makeOnce(partition, state, state.edition);
    } finally {
      clearInterval(kept);
      await this.#takeTurn(partition, 0);
    }
  }

  async #open(): Promise<void> {
    const { store, url, partitions = 1 } = this.#parts;
    const urls = new Map<number, string | undefined>([[wholeCrl, url]]);
    if (url !== undefined && partitions > 1)
      for (let each = 1; each <= partitions; each++) urls.set(each, crlUrlOf(url, each));
    await store.open(this.issuer, urls);
  }

  async #current(partition: number, large: number): Promise<CrlRecord> {
    if (partition !== wholeCrl) await this.open();
    for (let attempt = 0; attempt < attempts; attempt++) {
      const state = await this.#parts.store.state(this.#scope(partition));
      if (!state) throw new RangeError(`The issuer has no partition ${partition}.`);
      const newest = await this.#newest(partition, state.newest);
      if (newest && this.#isCurrent(newest, state)) return newest;
      if (newest && newest.der.length > large && isValid(newest, this.#clock())) {
        this.#sayBehind(newest, state);
        return newest;
      }
      try {
        const made = await this.#makeOnce(partition, state, newest);
        if (made && made.revocations >= state.revocations) return made;
      } catch (error) {
        if (!newest || !isValid(newest, this.#clock())) throw error;
        this.#parts.report(error);
        return newest;
      }
    }
    throw new Unavailable('Others issued CRLs faster than this process could.', 1);
  }

  #isCurrent(crl: CrlRecord, state: RevocationState): boolean {
    return (
      this.dueAt({ ...this.#scope(crl.partition), ...state, edition: { ...crl, size: 0 } }) >
      this.#clock()
    );
  }

  #sayBehind(crl: CrlRecord, { revocations }: RevocationState): void {
    if (crl.revocations >= revocations || this.#saidBehind.get(crl.partition) === crl.number)
      return;
    this.#saidBehind.set(crl.partition, crl.number);
    this.#parts.behind?.(crl);
  }

  /** Kept, since it is large and seldom changes. */
  async #newest(partition: number, number: number): Promise<CrlRecord | undefined> {
    if (number !== (this.#held.get(partition)?.number ?? 0))
      this.#hold(await this.#maker.newest(this.#scope(partition)));
    return this.#held.get(partition);
  }

  #hold(crl: CrlRecord | undefined): void {
    if (crl && crl.number > (this.#held.get(crl.partition)?.number ?? 0))
      this.#held.set(crl.partition, crl);
  }

  /** Callers that come while a CRL is made share it. */
  #makeOnce(
    partition: number,
    state: RevocationState,
    previous: Previous | undefined,
  ): Promise<CrlRecord | undefined> {
    let making = this.#making.get(partition);
    if (!making) {
      making = this.#make(partition, state, previous).finally(() => this.#making.delete(partition));
      this.#making.set(partition, making);
    }
    return making;
  }

  /**
   * The state is older than the list, so the list may know of more than the CRL claims, never of less.
   * @returns undefined when another process issued the CRL of that number
   */
  async #make(
    partition: number,
    { newest, revocations }: RevocationState,
    previous: Previous | undefined,
  ): Promise<CrlRecord | undefined> {
    const { issuer, signer, validitySeconds } = this.#parts;
    if (!signer.available)
      throw new SignerUnavailable('The CA key is out of reach; no CRL can be signed.');
    const now = this.#clock();
    const thisUpdate = wholeSecond(now);
    const { subject, keyIdentifier, subjectPublicKeyInfo, extensions } = issuer;
    const order = {
      ...this.#scope(partition),
      number: newest + 1,
      thisUpdate,
      nextUpdate: new Date(thisUpdate.getTime() + validitySeconds * 1000),
      revocations,
      issuedBy: { subject, keyIdentifier, subjectPublicKeyInfo, extensions },
      algorithm: signer.algorithm,
      signsDigests: signer.signDigest !== undefined && signatureHashOf[signer.algorithm] !== null,
      endingAfter: this.#endingAfter(now, previous),
    };
    const crl = await this.#maker.make(order, signWith(signer));
    this.#hold(crl);
    return crl;
  }

  /**
   * A certificate stays listed until a CRL was issued after its end (RFC 5280 section 3.3). That CRL may have been
   * replaced at once, because of another revocation, and seen by nobody: so it also stays for the life of one.
   */
  #endingAfter(now: Date, previous: Previous | undefined): Date {
    const aLifeAgo = now.getTime() - this.#parts.validitySeconds * 1000;
    return new Date(Math.min(aLifeAgo, previous?.thisUpdate.getTime() ?? aLifeAgo));
  }

  #takeTurn(partition: number, lasts = turn.lasts): Promise<boolean> {
    const now = this.#clock();
    const until = new Date(now.getTime() + lasts);
    return this.#parts.store.claim(this.#scope(partition), { by: this.#name, now, until });
  }

  #scope(partition: number): CrlScope {
    return { issuer: this.issuer, partition };
  }
}

function isValid({ thisUpdate, nextUpdate }: CrlRecord, now: Date): boolean {
  return thisUpdate <= now && now < nextUpdate;
}

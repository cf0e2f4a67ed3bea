/**
 * Publishes CRLs without being asked: before the last one ends, and soon after each revocation. Revocations that come while
 * a CRL is made, and in the rest after it, go into the next one together.
 */

import type { CrlPublisher } from './crl-publisher.ts';
import type { CrlRecord, ScopeState } from './crl-store.ts';

export interface CrlScheduleParts {
  /** As they are now: they change with the CA. */
  publishers(): Iterable<CrlPublisher>;
  /** Told in every round of every newest CRL, also of what others made; awaited. */
  follow?(publisher: CrlPublisher, state: ScopeState): Promise<void>;
  /** Told what kept a CRL from being made; the next round tries again. */
  report(error: unknown): void;
  /** Milliseconds from one round to the next; a second unless it is given. */
  readonly interval?: number;
}

/** After work of some time comes a rest of so many times that: making CRLs takes a fifth of one processor at most. */
const restShare = 4;
/** Milliseconds before an issuer whose CRL could not be made is tried again. */
const retryDelay = 10_000;

export class CrlSchedule {
  readonly #parts: CrlScheduleParts;
  /** By scope, and by issuer after a failure. */
  readonly #restsUntil = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(parts: CrlScheduleParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#run(), 0);
  }

  /** Begins nothing more; what is under way ends when the stores are closed. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** One round over all scopes. */
  async round(): Promise<void> {
    for (const publisher of this.#parts.publishers()) {
      if (performance.now() < (this.#restsUntil.get(publisher.issuer) ?? 0)) continue;
      try {
        for (const state of await publisher.states())
          if (!this.#stopped) await this.#serve(publisher, state);
      } catch (error) {
        // What keeps one scope from its CRL mostly keeps all of that issuer.
        this.#restsUntil.set(publisher.issuer, performance.now() + retryDelay);
        if (!this.#stopped) this.#parts.report(error);
      }
    }
  }

  async #run(): Promise<void> {
    await this.round();
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#run(), this.#parts.interval ?? 1000);
  }

  async #serve(publisher: CrlPublisher, state: ScopeState): Promise<void> {
    const made = await this.#renew(publisher, state);
    const now = made ? stateOf(made, state) : state;
    if (now.edition) await this.#parts.follow?.(publisher, now);
  }

  async #renew(publisher: CrlPublisher, state: ScopeState) {
    const key = `${state.issuer} ${state.partition}`;
    const began = performance.now();
    if (began < (this.#restsUntil.get(key) ?? 0)) return undefined;
    const made = await publisher.renew(state);
    const ended = performance.now();
    if (made) this.#restsUntil.set(key, ended + restShare * (ended - began));
    return made;
  }
}

function stateOf({ der, ...edition }: CrlRecord, before: ScopeState): ScopeState {
  return { ...before, newest: edition.number, edition: { ...edition, size: der.length } };
}

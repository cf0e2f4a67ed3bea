/**
 * Keys that were made here, in memory for as long as a lost answer may be asked for again.
 */

import type { DeliveredAnswers, DeliveredKey } from '../enrollment/delivered-answers.ts';

export interface KeptAnswer {
  readonly request: string;
  readonly key: DeliveredKey;
}

interface Options {
  /** Milliseconds. */
  readonly window?: number;
  /** Tells the other workers; resolves when they have it. */
  readonly relay?: (answer: KeptAnswer) => Promise<void>;
}

const defaultWindow = 2 * 60_000;
/** More than any fleet fetches within the window; beyond it the oldest goes first. */
const mostAnswers = 10_000;

export class AnswersInMemory implements DeliveredAnswers {
  readonly #window: number;
  readonly #relay: (answer: KeptAnswer) => Promise<void>;
  readonly #answers = new Map<string, DeliveredKey[]>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor({ window = defaultWindow, relay = async () => undefined }: Options = {}) {
    this.#window = window;
    this.#relay = relay;
  }

  async keep(request: string, key: DeliveredKey): Promise<void> {
    this.receive({ request, key });
    await this.#relay({ request, key });
  }

  /** Keeps what another worker tells. */
  receive({ request, key }: KeptAnswer): void {
    const kept = this.#answers.get(request);
    if (kept) {
      kept.push(key);
      return;
    }
    const [oldest] = this.#answers.keys();
    if (this.#answers.size >= mostAnswers && oldest !== undefined) this.#forget(oldest);
    this.#answers.set(request, [key]);
    // A server that ends does not wait for it.
    const timer = setTimeout(() => this.#forget(request), this.#window).unref();
    this.#timers.set(request, timer);
  }

  find(request: string): readonly DeliveredKey[] {
    return this.#answers.get(request) ?? [];
  }

  #forget(request: string): void {
    for (const { der } of this.#answers.get(request) ?? []) der.fill(0);
    this.#answers.delete(request);
    clearTimeout(this.#timers.get(request));
    this.#timers.delete(request);
  }

  /** Overwrites everything. */
  close(): void {
    for (const request of [...this.#answers.keys()]) this.#forget(request);
  }
}

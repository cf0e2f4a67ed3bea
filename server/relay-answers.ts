/**
 * Tells every EST worker what one of them keeps for a repetition, since that may come to any of them: the side of the
 * supervisor, between the channels of node:cluster. What passes through is overwritten behind it.
 */

import type { KeptAnswer } from './delivered-answers.ts';

/** From a worker: keep this; I have kept what you sent. To a worker: keep this; all have kept what you sent. */
export type RelayMessage =
  | { readonly kind: 'keep'; readonly id: number; readonly answer: KeptAnswer }
  | { readonly kind: 'kept'; readonly id: number };

/** A worker as far as it is told. */
export interface RelayPeer {
  isConnected(): boolean;
  send(message: RelayMessage): unknown;
}

interface Round {
  /** Those who have not said yet that they have it. */
  readonly waiting: Set<RelayPeer>;
  readonly answer: KeptAnswer;
  /** Tells the first worker, once. */
  readonly tell: () => void;
}

/** A worker that hangs must not keep a device from its answer. */
const patienceMs = 1000;

export class AnswerRelay {
  readonly #peers: () => Iterable<RelayPeer>;
  readonly #rounds = new Map<number, Round>();
  #lastRound = 0;

  /** @param peers the workers there are at the moment */
  constructor(peers: () => Iterable<RelayPeer>) {
    this.#peers = peers;
  }

  receive(message: RelayMessage, from: RelayPeer): void {
    if (message.kind === 'kept') this.#settle(message.id, from);
    else this.#pass(message.id, message.answer, from);
  }

  /** A worker that has ended is waited for no longer. */
  forget(peer: RelayPeer): void {
    for (const round of [...this.#rounds.keys()]) this.#settle(round, peer);
  }

  #pass(id: number, answer: KeptAnswer, from: RelayPeer): void {
    const others = [...this.#peers()].filter((peer) => peer !== from && peer.isConnected());
    const round = ++this.#lastRound;
    let told = false;
    const tell = () => {
      clearTimeout(timer);
      if (!told && from.isConnected()) from.send({ kind: 'kept', id });
      told = true;
    };
    const timer = setTimeout(tell, patienceMs);
    this.#rounds.set(round, { waiting: new Set(others), answer, tell });
    for (const peer of others) peer.send({ kind: 'keep', id: round, answer });
    this.#endIfDone(round);
  }

  #settle(id: number, peer: RelayPeer): void {
    this.#rounds.get(id)?.waiting.delete(peer);
    this.#endIfDone(id);
  }

  /** No sooner is it overwritten: a channel may hold a message back, and what it holds is not a copy. */
  #endIfDone(id: number): void {
    const round = this.#rounds.get(id);
    if (!round || round.waiting.size > 0) return;
    this.#rounds.delete(id);
    round.answer.key.der.fill(0);
    round.tell();
  }
}

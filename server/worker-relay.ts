/**
 * The worker's side of relay-answers.ts.
 */

import { AnswersInMemory, type KeptAnswer } from './delivered-answers.ts';
import type { RelayMessage } from './relay-answers.ts';

export class WorkerRelay {
  readonly answers = new AnswersInMemory({ relay: (answer) => this.#tellOthers(answer) });
  readonly #tell: (message: RelayMessage) => void;
  readonly #waiting = new Map<number, () => void>();
  #lastId = 0;

  /** @param tell sends to the supervisor */
  constructor(tell: (message: RelayMessage) => void) {
    this.#tell = tell;
  }

  receive(message: RelayMessage): void {
    if (message.kind === 'kept') {
      this.#waiting.get(message.id)?.();
      this.#waiting.delete(message.id);
      return;
    }
    this.answers.receive(message.answer);
    this.#tell({ kind: 'kept', id: message.id });
  }

  #tellOthers(answer: KeptAnswer): Promise<void> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#tell({ kind: 'keep', id, answer });
    });
  }
}

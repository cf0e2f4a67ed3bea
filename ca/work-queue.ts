import { Unavailable } from './unavailable.ts';

export interface WorkQueueOptions {
  /** What is being done, as sentences name it: `key generation`. */
  readonly work: string;
  /** How many run side by side. */
  readonly atOnce: number;
  /** How many wait at most; who comes after them is turned away at once. */
  readonly waiting: number;
  /** Milliseconds one waits at most for its turn. */
  readonly patience: number;
}

interface Waiter {
  readonly since: number;
  readonly begin: () => void;
  readonly refuse: (reason: Unavailable) => void;
}

/** Keeps long work from taking everything: a few run side by side, some wait their turn, the others come back later. */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting: Waiter[] = [];
  #running = 0;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** @throws Unavailable when no turn came in time; what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#options.atOnce) this.#running += 1;
    else await this.#turn();
    try {
      return await work();
    } finally {
      this.#passOn();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#options.waiting)
      throw new Unavailable(`Too much ${this.#options.work} is going on.`);
    return new Promise((begin, refuse) => {
      this.#waiting.push({ since: performance.now(), begin, refuse });
    });
  }

  /** Gives the turn that ended to the first who still waits for one. */
  #passOn(): void {
    const oldest = performance.now() - this.#options.patience;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (next.since >= oldest) {
        next.begin();
        return;
      }
      next.refuse(new Unavailable(`No turn for ${this.#options.work} came in time.`));
    }
    this.#running -= 1;
  }
}

/**
 * Notes that devices were seen or refused, for events. Nothing changed with it, so nothing waits for it: the notes of a worker
 * are written together a little later, and what is too much is dropped. A stranger leaves no note at all.
 */

import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';
import type { Events, Sighting } from '../../enrollment/events/event.ts';
import { sourceOf } from '../est/authenticate.ts';

const flushMs = 500;
const mostWaiting = 1000;
const mostRemembered = 10_000;
const hour = 3_600_000;
/** Milliseconds in which the same is noted once. */
const onceIn = { 'bestow.device.seen': hour, 'bestow.device.refused': hour / 6 } as const;

/** Refusals that have events of their own. */
const told: ReadonlySet<unknown> = new Set(['approval-pending']);

export class Sightings {
  readonly #events: Pick<Events, 'note'>;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #last = new Map<string, number>();
  #waiting: Sighting[] = [];
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(events: Pick<Events, 'note'>, logger: Pick<Logger, 'warn'>) {
    this.#events = events;
    this.#logger = logger;
  }

  /** @param kind what makes it another sighting of the same type, such as the code of a refusal */
  note(sighting: Sighting, kind = ''): void {
    const { type, device, at } = sighting;
    const key = `${type} ${device} ${kind}`;
    const last = this.#last.get(key);
    if (last !== undefined && at.getTime() - last < onceIn[type]) return;
    if (this.#waiting.length >= mostWaiting) {
      this.#dropped += 1;
      return;
    }
    if (this.#last.size >= mostRemembered) this.#last.clear();
    this.#last.set(key, at.getTime());
    this.#waiting.push(sighting);
    this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref();
  }

  /** Writes what waits. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const sightings = this.#waiting;
    this.#waiting = [];
    if (this.#dropped > 0)
      this.#logger.warn({ dropped: this.#dropped }, 'too many devices to note them all for events');
    this.#dropped = 0;
    this.#writing = this.#writing
      .then(() => this.#events.note(sightings))
      .catch((error) => this.#logger.warn({ err: error }, 'sightings of devices are lost'));
    return this.#writing;
  }
}

/** Notes who came, once the request is over, by what its line in the log says. */
export function noteSightings(sightings: Sightings) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const source = sourceOf(request);
    response.on('close', () => {
      const { requestId, log } = response.locals;
      const { device, credential, refusal: code, reason } = log;
      if (typeof device !== 'string') return;
      const at = new Date();
      const operation = request.path.split('/').at(-1)?.slice(0, 40);
      const data = { operation, source, credential, requestId };
      sightings.note({ type: 'bestow.device.seen', device, at, data });
      if (typeof code !== 'string' || told.has(code)) return;
      const refused = { ...data, status: response.statusCode, code, reason };
      sightings.note({ type: 'bestow.device.refused', device, at, data: refused }, code);
    });
    next();
  };
}

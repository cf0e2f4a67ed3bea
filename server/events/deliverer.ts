/**
 * Brings events to the webhooks that subscribed to them: at least once, beside everything else. Runs in the supervisor, so
 * that a receiver takes nothing from the workers that serve devices.
 */

import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type {
  AttemptOutcome,
  Deliveries,
  DueDelivery,
} from '../../enrollment/events/deliveries.ts';
import type { Events } from '../../enrollment/events/event.ts';
import type { WebhookSecrets } from '../../enrollment/events/webhook-secret.ts';
import type { Webhooks } from '../../enrollment/events/webhooks.ts';
import { cloudEvent, contentOf } from './cloud-event.ts';
import type { EventReceiver, EventReceivers } from './event-receiver.ts';
import { nextAttempt, restAfter } from './retry-schedule.ts';
import { signatureHeaders } from './standard-webhooks.ts';

export interface DelivererParts {
  readonly webhooks: Pick<Webhooks, 'setState'>;
  readonly deliveries: Deliveries;
  readonly events: Pick<Events, 'purge'>;
  readonly receivers: EventReceivers;
  readonly secrets: WebhookSecrets;
  /** URI of this server, as events name it. */
  readonly source: string;
  /** Milliseconds for one attempt. */
  readonly timeout: number;
  /** Seconds that events are kept. */
  readonly keepSeconds: number;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly clock?: () => Date;
  readonly random?: () => number;
}

const deliveriesAtOnce = 200;
const webhooksAtOnce = 8;
/** Another node takes over when this one has not given its turn back by then. */
const turnMs = 60_000;
const intervalMs = 1000;
const purgeIntervalMs = 60_000;

/** A turn at one webhook. */
interface Ongoing {
  readonly webhook: string;
  readonly receiver: EventReceiver;
  readonly keys: readonly Uint8Array[];
}

interface Rest {
  readonly failures: number;
  readonly until: number;
}

export class Deliverer {
  readonly #parts: DelivererParts;
  readonly #clock: () => Date;
  readonly #name = randomUUID();
  readonly #running = new Map<string, Promise<void>>();
  /** Webhooks whose last attempt failed. */
  readonly #resting = new Map<string, Rest>();
  #purgedAt = 0;
  #stopping = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: DelivererParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? (() => new Date());
  }

  start(): void {
    this.#timer = setTimeout(async () => {
      await this.#look();
      if (!this.#stopping) this.start();
    }, intervalMs);
  }

  /** Waits for the attempts that are under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#running.values());
  }

  /** Looks once for what is due, and resolves when that was tried. */
  async round(): Promise<void> {
    await this.#look();
    await Promise.all(this.#running.values());
  }

  async #look(): Promise<void> {
    const { deliveries, logger } = this.#parts;
    try {
      const now = this.#clock();
      for (const id of await deliveries.waiting(now)) {
        if (this.#running.has(id) || this.#running.size >= webhooksAtOnce) continue;
        if ((this.#resting.get(id)?.until ?? 0) > now.getTime()) continue;
        const running = this.#serve(id)
          .catch((error) => logger.error({ err: error, webhook: id }, 'events are not delivered'))
          .finally(() => this.#running.delete(id));
        this.#running.set(id, running);
      }
      await this.#purge(now);
    } catch (error) {
      logger.error({ err: error }, 'events cannot be looked for');
    }
  }

  async #purge(now: Date): Promise<void> {
    if (now.getTime() - this.#purgedAt < purgeIntervalMs) return;
    const before = new Date(now.getTime() - this.#parts.keepSeconds * 1000);
    // As long as there may be more, the next look goes on.
    if ((await this.#parts.events.purge(before)) === 0) this.#purgedAt = now.getTime();
  }

  /** One turn: until all is delivered that is due, something fails, or another may want the turn. */
  async #serve(id: string): Promise<void> {
    const { deliveries, receivers, secrets, timeout } = this.#parts;
    const at = this.#clock();
    const until = new Date(at.getTime() + turnMs + timeout);
    const turn = { webhook: id, by: this.#name, at, until, limit: deliveriesAtOnce };
    const begun = await deliveries.begin(turn);
    if (!begun) return;
    const outcomes: AttemptOutcome[] = [];
    const receiver = receivers.open(begun.webhook.url, timeout);
    try {
      const keys = secrets.open(id, begun.secrets);
      const end = performance.now() + turnMs / 2;
      for (const delivery of begun.due) {
        if (this.#stopping || performance.now() > end) break;
        const outcome = await this.#attempt({ webhook: id, receiver, keys }, delivery);
        outcomes.push(outcome);
        if (!outcome.delivered) {
          this.#rest(id);
          break;
        }
        this.#resting.delete(id);
      }
    } finally {
      receiver.close();
      await deliveries.finish(turn, outcomes);
    }
    if (outcomes.at(-1)?.status === 410) await this.#disable(id);
  }

  async #attempt(
    { webhook, receiver, keys }: Ongoing,
    { event, attempts }: DueDelivery,
  ): Promise<AttemptOutcome> {
    const { source, logger, random } = this.#parts;
    const content = contentOf(event);
    const body = cloudEvent(content, source);
    const { sequence } = event;
    const failed = (problem: string, status?: number): AttemptOutcome => {
      const at = this.#clock();
      const again = nextAttempt(attempts + 1, at, random);
      const line = { webhook, event: event.id, attempts: attempts + 1, problem, again };
      logger.warn(line, again ? 'an event is not delivered yet' : 'an event is given up');
      return {
        sequence,
        at,
        problem,
        delivered: false,
        ...(status === undefined ? {} : { status }),
        ...(again ? { nextAttemptAt: again } : {}),
      };
    };
    try {
      const signature = signatureHeaders(event.id, this.#clock(), body, keys);
      const { delivered, said, status } = await receiver.deliver({ content, body, signature });
      return delivered
        ? { sequence, at: this.#clock(), delivered, ...(status === undefined ? {} : { status }) }
        : failed(`the receiver ${said}`, status);
    } catch (error) {
      return failed(problemOf(error));
    }
  }

  #rest(id: string): void {
    const failures = (this.#resting.get(id)?.failures ?? 0) + 1;
    const until = this.#clock().getTime() + restAfter(failures);
    this.#resting.set(id, { failures, until });
  }

  async #disable(id: string): Promise<void> {
    const reason = 'the receiver answered 410 (Gone)';
    await this.#parts.webhooks.setState(id, 'disabled', {
      reason,
      by: 'server',
      at: this.#clock(),
    });
    this.#parts.logger.warn({ webhook: id, reason }, 'a webhook is disabled');
  }
}

const longestProblem = 200;

/** For operators, and kept in the database. */
export function problemOf(error: unknown): string {
  // Where several addresses of a name were tried, each has its own error.
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
  const message = errors.map((each) => (each instanceof Error ? each.message : each)).join('; ');
  return message.slice(0, longestProblem);
}

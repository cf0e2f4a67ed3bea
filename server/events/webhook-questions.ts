/**
 * Asks a webhook before a certificate: signed, in little time, and with little patience for one that does not answer. What is
 * asked, and what counts as an answer, is the asker's.
 */

import { randomUUID } from 'node:crypto';
import { WorkQueue } from '../../ca/work-queue.ts';
import type { WebhookSecrets } from '../../enrollment/events/webhook-secret.ts';
import type { Webhook, WebhookPurpose, Webhooks } from '../../enrollment/events/webhooks.ts';
import { cloudEvent, cloudEventsType } from './cloud-event.ts';
import { signatureHeaders } from './standard-webhooks.ts';
import type { WebhookClient } from './webhook-client.ts';

export interface QuestionParts {
  readonly webhooks: Pick<Webhooks, 'find'>;
  readonly client: Pick<WebhookClient, 'post'>;
  readonly secrets: WebhookSecrets;
  /** URI of this server. */
  readonly source: string;
  /** Milliseconds for one question. */
  readonly timeout: number;
  readonly clock?: () => Date;
}

export interface Question<Answer> {
  readonly webhook: string;
  /** Type of the event. */
  readonly type: string;
  readonly device: string;
  readonly tenant: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Of an answer. */
  readonly mostOctets: number;
  /** @throws Error where the text is no answer */
  read(text: string): Answer;
}

/** Seconds after which a device may ask again. */
export const retryAfter = 30;
/** Failures in a row after which a webhook is not asked for a while. */
const failuresToBreak = 5;
const brokenMs = 10_000;

/** Each webhook has its own, so that one that is slow stands in nobody else's way. */
class Line {
  readonly queue: WorkQueue;
  failures = 0;
  brokenUntil = 0;

  constructor(work: string) {
    this.queue = new WorkQueue({ work, atOnce: 16, waiting: 64, patience: 2000 });
  }
}

export class WebhookQuestions {
  readonly #purpose: WebhookPurpose;
  readonly #parts: QuestionParts;
  readonly #clock: () => Date;
  /** By webhook, of which there are as many as groups name. */
  readonly #lines = new Map<string, Line>();

  constructor(purpose: WebhookPurpose, parts: QuestionParts) {
    this.#purpose = purpose;
    this.#parts = parts;
    this.#clock = parts.clock ?? (() => new Date());
  }

  /** @throws Unavailable where there is no place in its queue, and Error with the reason where there was no answer */
  async ask<Answer>(question: Question<Answer>): Promise<Answer> {
    const line = this.#lineTo(question.webhook);
    if (line.brokenUntil > this.#clock().getTime())
      throw new Error('the last questions were not answered');
    return line.queue.run(async () => {
      try {
        const answer = question.read(await this.#askNow(question));
        line.failures = 0;
        return answer;
      } catch (error) {
        line.failures += 1;
        if (line.failures >= failuresToBreak) line.brokenUntil = this.#clock().getTime() + brokenMs;
        throw error;
      }
    });
  }

  async #askNow(question: Question<unknown>): Promise<string> {
    const { webhook: id, type, device, tenant, data, mostOctets } = question;
    const { webhooks, client, secrets, source, timeout } = this.#parts;
    const at = this.#clock();
    const found = await webhooks.find(id, at);
    if (!found || !this.#mayAsk(found.webhook, tenant))
      throw new Error(`there is no such webhook for ${this.#purpose}, or it is disabled`);
    const message = { id: randomUUID(), type, at };
    const body = cloudEvent({ ...message, subject: device, tenant, data }, source);
    const signed = signatureHeaders(message.id, at, body, secrets.open(id, found.secrets));
    const headers = { 'Content-Type': cloudEventsType, Accept: 'application/json', ...signed };
    const { url } = found.webhook;
    const answer = await client.post({ url, headers, body, timeout, mostOctets });
    if (answer.status !== 200) throw new Error(`the answer was ${answer.status}`);
    if (answer.body === undefined) throw new Error('the answer was too long');
    return answer.body;
  }

  /** A webhook of a tenant is asked about that tenant's devices alone. */
  #mayAsk({ purpose, state, tenant }: Webhook, asking: string): boolean {
    const itsOwn = tenant === undefined || tenant === asking;
    return purpose === this.#purpose && state === 'active' && itsOwn;
  }

  #lineTo(webhook: string): Line {
    const line = this.#lines.get(webhook) ?? new Line(`asking for ${this.#purpose}`);
    this.#lines.set(webhook, line);
    return line;
  }
}

/** The fields of an answer. @throws Error where it is no JSON */
export function readFields(text: string): Readonly<Record<string, unknown>> {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error('the answer was no JSON');
  }
  return Object(answer) as Readonly<Record<string, unknown>>;
}

const longestReason = 200;
/** Controls, and what turns the direction of text. */
const unprintable = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Why a webhook denies, as it may be shown to people. */
export function readReason(reason: unknown): string {
  const text = typeof reason === 'string' ? reason.replace(unprintable, ' ').trim() : '';
  return [...text].slice(0, longestReason).join('') || 'no reason was given';
}

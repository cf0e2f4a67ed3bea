/**
 * Asks a webhook whether a device may have its certificate. Nothing but a clear yes is one: what cannot be asked, is not
 * answered in time, or is not understood, is a "not now".
 */

import { randomUUID } from 'node:crypto';
import { Unavailable } from '../../ca/unavailable.ts';
import { WorkQueue } from '../../ca/work-queue.ts';
import type {
  Authorization,
  AuthorizationAnswer,
  AuthorizationQuestion,
} from '../../enrollment/authorization.ts';
import type { WebhookSecrets } from '../../enrollment/events/webhook-secret.ts';
import type { Webhook, Webhooks } from '../../enrollment/events/webhooks.ts';
import { cloudEvent, cloudEventsType } from './cloud-event.ts';
import { signatureHeaders } from './standard-webhooks.ts';
import type { WebhookClient } from './webhook-client.ts';

export interface AuthorizationParts {
  readonly webhooks: Pick<Webhooks, 'find'>;
  readonly client: Pick<WebhookClient, 'post'>;
  readonly secrets: WebhookSecrets;
  /** URI of this server. */
  readonly source: string;
  /** Milliseconds for one question. */
  readonly timeout: number;
  readonly clock?: () => Date;
}

/** Nobody could be asked, or the answer was none. */
export class AuthorizationUnavailable extends Unavailable {
  override readonly name = 'AuthorizationUnavailable';
}

const retryAfter = 30;
const mostOctets = 4096;
/** Failures in a row after which a webhook is not asked for a while. */
const failuresToBreak = 5;
const brokenMs = 10_000;

/** Each webhook has its own, so that one that is slow stands in nobody else's way. */
class Questions {
  readonly queue = new WorkQueue({
    work: 'asking for authorization',
    atOnce: 16,
    waiting: 64,
    patience: 2000,
  });
  failures = 0;
  brokenUntil = 0;
}

export class AuthorizationWebhook implements Authorization {
  readonly #parts: AuthorizationParts;
  readonly #clock: () => Date;
  /** By webhook, of which there are as many as groups name. */
  readonly #questions = new Map<string, Questions>();

  constructor(parts: AuthorizationParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? (() => new Date());
  }

  async ask(question: AuthorizationQuestion): Promise<AuthorizationAnswer> {
    const { webhook } = question;
    const questions = this.#questionsTo(webhook);
    if (questions.brokenUntil > this.#clock().getTime())
      throw unavailable(webhook, 'the last questions were not answered');
    return questions.queue.run(async () => {
      try {
        const answer = await this.#askNow(question);
        questions.failures = 0;
        return answer;
      } catch (error) {
        questions.failures += 1;
        if (questions.failures >= failuresToBreak)
          questions.brokenUntil = this.#clock().getTime() + brokenMs;
        const problem = error instanceof Error ? error.message : String(error);
        throw unavailable(webhook, problem, error);
      }
    });
  }

  async #askNow(question: AuthorizationQuestion): Promise<AuthorizationAnswer> {
    const { webhook: id, ...data } = question;
    const { webhooks, client, secrets, source, timeout } = this.#parts;
    const at = this.#clock();
    const found = await webhooks.find(id, at);
    const { device, tenant } = question;
    if (!found || !mayBeAsked(found.webhook, tenant))
      throw new Error('there is no such webhook for authorization, or it is disabled');
    const message = { id: randomUUID(), type: 'bestow.authorization.requested', at };
    const body = cloudEvent({ ...message, subject: device, tenant, data }, source);
    const signed = signatureHeaders(message.id, at, body, secrets.open(id, found.secrets));
    const headers = { 'Content-Type': cloudEventsType, Accept: 'application/json', ...signed };
    const { url } = found.webhook;
    const answer = await client.post({ url, headers, body, timeout, mostOctets });
    if (answer.status !== 200) throw new Error(`the answer was ${answer.status}`);
    if (answer.body === undefined) throw new Error('the answer was too long');
    return readAnswer(answer.body);
  }

  #questionsTo(webhook: string): Questions {
    const questions = this.#questions.get(webhook) ?? new Questions();
    this.#questions.set(webhook, questions);
    return questions;
  }
}

/** A webhook of a tenant is asked about that tenant's devices alone. */
function mayBeAsked({ purpose, state, tenant }: Webhook, asking: string): boolean {
  const itsOwn = tenant === undefined || tenant === asking;
  return purpose === 'authorization' && state === 'active' && itsOwn;
}

function unavailable(webhook: string, problem: string, cause?: unknown): AuthorizationUnavailable {
  const message = `The webhook ${webhook} did not say whether the certificate may be issued: ${problem}.`;
  return new AuthorizationUnavailable(message, retryAfter, { cause });
}

/** @throws Error where it is neither yes nor no */
function readAnswer(text: string): AuthorizationAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error('the answer was no JSON');
  }
  const { decision, reason } = (answer ?? {}) as { decision?: unknown; reason?: unknown };
  if (decision === 'allow') return { decision };
  if (decision === 'deny') return { decision, reason: readReason(reason) };
  throw new Error('the answer was neither allow nor deny');
}

const longestReason = 200;
/** Controls, and what turns the direction of text. */
const unprintable = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

function readReason(reason: unknown): string {
  const text = typeof reason === 'string' ? reason.replace(unprintable, ' ').trim() : '';
  return [...text].slice(0, longestReason).join('') || 'no reason was given';
}

/**
 * Asks a webhook whether a device may have its certificate. Nothing but a clear yes is one: what cannot be asked, is not
 * answered in time, or is not understood, is a "not now".
 */

import { Unavailable } from '../../ca/unavailable.ts';
import type {
  Authorization,
  AuthorizationAnswer,
  AuthorizationQuestion,
} from '../../enrollment/authorization.ts';
import {
  type QuestionParts,
  readFields,
  readReason,
  retryAfter,
  WebhookQuestions,
} from './webhook-questions.ts';

const asking = { type: 'bestow.authorization.requested', mostOctets: 4096, read: readAnswer };

/** Nobody could be asked, or the answer was none. */
export class AuthorizationUnavailable extends Unavailable {
  override readonly name = 'AuthorizationUnavailable';
}

export class AuthorizationWebhook implements Authorization {
  readonly #questions: WebhookQuestions;

  constructor(parts: QuestionParts) {
    this.#questions = new WebhookQuestions('authorization', parts);
  }

  async ask({ webhook, ...data }: AuthorizationQuestion): Promise<AuthorizationAnswer> {
    const { device, tenant } = data;
    try {
      return await this.#questions.ask({ ...asking, webhook, device, tenant, data });
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      const problem = error instanceof Error ? error.message : String(error);
      throw new AuthorizationUnavailable(
        `The webhook ${webhook} did not say whether the certificate may be issued: ${problem}.`,
        retryAfter,
        { cause: error },
      );
    }
  }
}

/** @throws Error where it is neither yes nor no */
function readAnswer(text: string): AuthorizationAnswer {
  const { decision, reason } = readFields(text);
  if (decision === 'allow') return { decision };
  if (decision === 'deny') return { decision, reason: readReason(reason) };
  throw new Error('the answer was neither allow nor deny');
}

/**
 * Asks a webhook where a device goes. An answer counts whole or not at all: endpoints that an operator could not write are
 * none.
 */

import { Unavailable } from '../../ca/unavailable.ts';
import { problemsOfEndpoints } from '../../enrollment/allocation/check-allocation-policy.ts';
import type {
  EndpointAnswer,
  EndpointQuestion,
  EndpointWebhooks,
} from '../../enrollment/allocation/webhook.ts';
import {
  type QuestionParts,
  readFields,
  readReason,
  retryAfter,
  WebhookQuestions,
} from './webhook-questions.ts';

const asking = {
  type: 'bestow.allocation.requested',
  // Sixteen endpoints of 512 characters, and what JSON puts around them.
  mostOctets: 12_288,
  read: readAnswer,
};

/** Nobody could be asked, or the answer was none. */
export class EndpointsUnavailable extends Unavailable {
  override readonly name = 'EndpointsUnavailable';
}

export interface EndpointWebhookParts extends QuestionParts {
  /** Told when there was no good answer, whatever counts in its place. */
  report(problem: {
    readonly webhook: string;
    readonly device: string;
    readonly why: string;
  }): void;
}

export class EndpointWebhook implements EndpointWebhooks {
  readonly #parts: EndpointWebhookParts;
  readonly #questions: WebhookQuestions;

  constructor(parts: EndpointWebhookParts) {
    this.#parts = parts;
    this.#questions = new WebhookQuestions('allocation', parts);
  }

  async ask({ webhook, ...data }: EndpointQuestion): Promise<EndpointAnswer> {
    const { device, tenant } = data;
    try {
      return await this.#questions.ask({ ...asking, webhook, device, tenant, data });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#parts.report({ webhook, device, why });
      if (error instanceof Unavailable) throw error;
      throw new EndpointsUnavailable(
        `The webhook ${webhook} did not say where the device ${device} goes: ${why}.`,
        retryAfter,
        { cause: error },
      );
    }
  }
}

/** @throws Error where it is neither a list of endpoints nor a denial, or both */
function readAnswer(text: string): EndpointAnswer {
  const { endpoints, decision, reason } = readFields(text);
  if (decision === 'deny' && endpoints === undefined)
    return { decision, reason: readReason(reason) };
  if (decision !== undefined || !isTexts(endpoints))
    throw new Error('the answer was neither endpoints nor a denial');
  const [problem] = problemsOfEndpoints(endpoints);
  if (problem) throw new Error(`the answer has bad endpoints: ${problem.says}`);
  return { endpoints };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { CertificatePlan, KeylessPlan } from '../../ca/certificate-plan.ts';
import { readDer } from '../../ca/der.ts';
import { describeName, readName } from '../../ca/distinguished-name.ts';
import { Refusal } from '../../ca/refusal.ts';
import { Unavailable } from '../../ca/unavailable.ts';
import type { KeylessOrder } from '../policy.ts';
import type { EnrollmentRefusalCode } from '../refusal.ts';
import { allocationCase, webhookToAsk } from './allocate.ts';
import type { EndpointAnswer, EndpointQuestion, EndpointWebhooks } from './webhook.ts';

export interface AskingParts {
  readonly authority: Pick<CertificateAuthority, 'requireIssuable' | 'repetitionOf'>;
  readonly webhooks: EndpointWebhooks;
}

/**
 * The endpoints of a plan where a webhook names them. It is asked about nothing that could not be issued, and not about a
 * repeated request: that gets what it got, whatever would be said today.
 * @returns undefined where no webhook is to be asked, and the plan says them
 * @throws Refusal allocation-denied and what CertificateAuthority.requireIssuable throws; Unavailable where there was no good
 * answer and nothing counts in its place
 */
export async function askEndpoints(
  plan: CertificatePlan | KeylessPlan,
  order: KeylessOrder,
  { authority, webhooks }: AskingParts,
): Promise<readonly string[] | undefined> {
  const { source, allocation } = order;
  const { caller } = order.authorized;
  const ask = webhookToAsk(allocationCase(caller, source), allocation);
  if (!ask) return undefined;
  await authority.requireIssuable(plan);
  const before = await authority.repetitionOf(plan);
  if (before?.endpoints) return before.endpoints;
  const { webhook, region, otherwise } = ask;
  const question = questionOf(plan, order, {
    webhook,
    ...(region === undefined ? {} : { region }),
  });
  const answer = await answerOr(otherwise, webhooks.ask(question));
  if ('endpoints' in answer) return answer.endpoints;
  throw new Refusal<EnrollmentRefusalCode>(
    'allocation-denied',
    `The certificate was denied by who says where the device goes: ${answer.reason}`,
  );
}

/** A denial is an answer: nothing counts in its place. */
async function answerOr(
  otherwise: EndpointAnswer | undefined,
  asked: Promise<EndpointAnswer>,
): Promise<EndpointAnswer> {
  try {
    return await asked;
  } catch (error) {
    if (otherwise && error instanceof Unavailable) return otherwise;
    throw error;
  }
}

function questionOf(
  plan: CertificatePlan | KeylessPlan,
  { authorized, request, source, requestId }: KeylessOrder,
  to: Pick<EndpointQuestion, 'webhook' | 'region'>,
): EndpointQuestion {
  const { caller } = authorized;
  const { device, group, tenant } = caller;
  return {
    ...to,
    device: device.id,
    group: group.label,
    tenant: tenant.id,
    context: { ...device },
    ...('publicKey' in plan ? { publicKeyDigest: request.publicKeyDigest } : {}),
    subject: describeName(readName(readDer(plan.subject))),
    names: plan.subjectAltNames,
    profile: plan.profile.name,
    ...(caller.relayedBy ? {} : { source }),
    requestId,
  };
}

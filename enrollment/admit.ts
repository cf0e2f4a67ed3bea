/**
 * The last step before a certificate: where the group asks for it, a person has approved.
 */

import {
  type CertificateAuthority,
  type Issued,
  requestDigestOf,
} from '../ca/certificate-authority.ts';
import type { CertificatePlan, KeylessPlan } from '../ca/certificate-plan.ts';
import { readDer } from '../ca/der.ts';
import { describeName, readName } from '../ca/distinguished-name.ts';
import { Refusal } from '../ca/refusal.ts';
import { askEndpoints } from './allocation/ask-endpoints.ts';
import type { EndpointWebhooks } from './allocation/webhook.ts';
import {
  type Approval,
  ApprovalPending,
  type ApprovalRequest,
  type Approvals,
  TooManyRequestsPending,
  tooManyOfDevice,
} from './approvals.ts';
import type { Caller } from './authenticator.ts';
import type { Authorization } from './authorization.ts';
import type { Issuing } from './authorize.ts';
import {
  awaitConfirmation,
  type ConfirmationParts,
  needsConfirmation,
} from './await-confirmation.ts';
import type { Issuers } from './issuers.ts';
import type { EnrollmentOrder, KeylessOrder } from './policy.ts';
import type { EnrollmentRefusalCode } from './refusal.ts';

/** What enrollment works with. */
export interface EnrollmentParts extends ConfirmationParts {
  readonly issuers: Issuers;
  readonly approvals: Approvals;
  /** Asked where the group names a webhook for it. */
  readonly authorization: Authorization;
  /** Asked where a policy of allocation names a webhook. */
  readonly endpointWebhooks: EndpointWebhooks;
}

/**
 * Issues what was decided, once it is authorised and approved where that is needed. Nothing is spent before, and nobody is
 * asked about what could not be issued.
 * @throws ApprovalPending, TooManyRequestsPending, Refusal allocation-denied, authorization-denied, approval-rejected,
 * Unavailable where nobody can be asked, and what CertificateAuthority.issue throws
 */
export function admit(
  plan: CertificatePlan,
  order: EnrollmentOrder<Exclude<Issuing, 'repeat'>>,
  parts: EnrollmentParts,
): Promise<Issued> {
  return admitKeyless(plan, order, parts, async () => plan);
}

/**
 * The same where the key is still to be made: which is no sooner than a person has approved.
 * @param makeKey completes the plan
 * @throws besides, what `makeKey` throws
 */
export async function admitKeyless(
  decided: CertificatePlan | KeylessPlan,
  order: KeylessOrder<Exclude<Issuing, 'repeat'>>,
  parts: EnrollmentParts,
  makeKey: () => Promise<CertificatePlan>,
): Promise<Issued> {
  const { approvals, endpointWebhooks: webhooks } = parts;
  const { caller } = order.authorized;
  const authority = parts.issuers.authorityFor(order.authorized);
  const { approval, authorizationWebhook } = caller.group.settings;
  if (asksBefore(caller) && (await isUnconfirmed(decided, authority)))
    return awaitConfirmation(order, parts);
  const endpoints = await askEndpoints(decided, order, { authority, webhooks });
  const named = endpoints ? { endpoints } : {};
  const plan = { ...decided, ...named };
  const withKey = async () => ({ ...(await makeKey()), ...named });
  if (authorizationWebhook !== '') await requireAuthorization(plan, order, parts);
  if (!approval) return authority.issue(await withKey());
  const request = approvalRequestOf(plan, order, parts);
  const issueApproved = async (sought: Approval | 'too-many-pending') => {
    if (sought === 'too-many-pending')
      throw new TooManyRequestsPending(tooManyOfDevice(request.device), parts.waiting.retryAfter);
    const approval = requireApproval(sought, parts);
    return authority.issue({ ...(await withKey()), approval });
  };
  try {
    return await issueApproved(await approvals.seek(request));
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'approval-used')) throw error;
    // It was used for an earlier certificate, and this is no repetition of that request: a new decision is needed.
    return issueApproved(await approvals.seek(request, true));
  }
}

/** A stranger's request that is refused when it is to be recorded would leave an entry in the audit log each time. */
function asksBefore(caller: Caller): boolean {
  const { approval, authorizationWebhook } = caller.group.settings;
  return (
    approval ||
    authorizationWebhook !== '' ||
    needsConfirmation(caller) ||
    caller.credential.kind === 'request-key'
  );
}

/** Whether a person's word is all that is missing. @throws Refusal where more speaks against it */
async function isUnconfirmed(
  plan: CertificatePlan | KeylessPlan,
  authority: Pick<CertificateAuthority, 'requireIssuable'>,
): Promise<boolean> {
  try {
    await authority.requireIssuable(plan);
    return false;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'key-unconfirmed') return true;
    throw error;
  }
}

/** Asked again by each repetition: what was allowed once may be denied by now. */
async function requireAuthorization(
  plan: CertificatePlan | KeylessPlan,
  { authorized: { caller }, request, source, requestId }: KeylessOrder,
  { authorization }: EnrollmentParts,
): Promise<void> {
  const { device, group, tenant } = caller;
  const answer = await authorization.ask({
    webhook: group.settings.authorizationWebhook,
    device: device.id,
    group: group.label,
    tenant: tenant.id,
    context: { ...device },
    ...('publicKey' in plan ? { publicKeyDigest: request.publicKeyDigest } : {}),
    subject: describeName(readName(readDer(plan.subject))),
    names: plan.subjectAltNames,
    endpoints: plan.endpoints,
    profile: plan.profile.name,
    source,
    requestId,
  });
  if (answer.decision === 'deny')
    throw new Refusal<EnrollmentRefusalCode>(
      'authorization-denied',
      `The certificate was denied by who must authorise it: ${answer.reason}`,
    );
}

function approvalRequestOf(
  plan: CertificatePlan | KeylessPlan,
  order: KeylessOrder,
  parts: EnrollmentParts,
): ApprovalRequest {
  const at = new Date();
  return {
    device: order.authorized.caller.device.id,
    requestDigest: requestDigestOf(plan),
    publicKeyDigest: order.request.publicKeyDigest,
    subject: describeName(readName(readDer(plan.subject))),
    names: plan.subjectAltNames,
    profile: plan.profile.name,
    source: order.source,
    requestId: order.requestId,
    at,
    expiresAt: new Date(at.getTime() + parts.waiting.validity * 1000),
  };
}

/** @returns its id */
function requireApproval({ id, state, reason }: Approval, { waiting }: EnrollmentParts): string {
  switch (state) {
    case 'pending':
      throw new ApprovalPending(id, waiting.retryAfter);
    case 'rejected':
      throw new Refusal<EnrollmentRefusalCode>(
        'approval-rejected',
        `The request ${id} was rejected${reason ? `: ${reason}` : '.'}`,
      );
    default:
      // A used one passes where this repeats the request that used it, and is refused otherwise.
      return id;
  }
}

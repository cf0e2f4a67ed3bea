/**
 * A certification request of a message as an order for a certificate: whose it is, how it is tied to who asks, what its key
 * may be certified for.
 */

import type { Issued } from '../../../ca/certificate-authority.ts';
import type { LinkingProof } from '../../../ca/certificate-plan.ts';
import type { CertificateRequest } from '../../../ca/certificate-request.ts';
import { Refusal } from '../../../ca/refusal.ts';
import type { Caller } from '../../../enrollment/authenticator.ts';
import type { Issuing } from '../../../enrollment/authorize.ts';
import { enroll } from '../../../enrollment/enroll.ts';
import {
  decideEnrollment,
  decideReenrollment,
  type EnrollmentOrder,
  type ProvenPossession,
} from '../../../enrollment/policy.ts';
import { reenroll } from '../../../enrollment/reenroll.ts';
import { sourceOf } from '../authenticate.ts';
import { authorizeIssuance } from '../authorize-issuance.ts';
import type { EstExchange } from '../exchange.ts';
import { identifyFor } from '../identify.ts';
import { verifyLinking } from '../session-binding.ts';
import type { BodyPartId } from './body-part.ts';
import { CmcFailure, failed } from './cmc-failure.ts';
import type { RequestControls } from './controls.ts';
import type { PendingRequest } from './pend-token.ts';
import type { CmcRequest } from './read-requests.ts';
import type { Requester } from './requester.ts';
import { isAcceptedWitness, isWitnessOf, readWitness } from './shared-secret.ts';
import type { PendInfo } from './status-info.ts';

/** A request whose sender is known. */
export interface IdentifiedRequest {
  readonly request: CmcRequest;
  readonly caller: Caller;
  readonly linking: LinkingProof;
}

/** An order that was checked and has not been carried out. */
export type CmcOrder = AskedOrder &
  (
    | { readonly renews: true; readonly order: EnrollmentOrder<'reenroll'> }
    | { readonly renews: false; readonly order: EnrollmentOrder<'enroll'> }
  );

interface AskedOrder {
  /** The part that its status is about. */
  readonly bodyPartId: BodyPartId;
  /** What a pendToken would hold. */
  readonly pending: PendingRequest;
  /** As it was given out, where the order is asked for again. */
  readonly pendInfo?: PendInfo;
}

/** @throws CmcFailure, Refusal */
export async function identifyRequest(
  exchange: EstExchange,
  requester: Requester,
  controls: RequestControls,
  request: CmcRequest,
): Promise<IdentifiedRequest> {
  if (requester.secret !== undefined) requireLinkWitness(request, requester.secret, controls);
  const { caller } = await identifyCaller(exchange, requester, request.request);
  return { request, caller, linking: linkingOf(exchange, requester, request.request, caller) };
}

/** What was linked and proven before it was sealed into a pendToken need not be again. @throws Refusal */
export function identifyCaller(
  exchange: EstExchange,
  { known, purpose }: Requester,
  request: CertificateRequest,
): Promise<{ caller: Caller }> {
  return identifyFor(purpose, exchange, known, async () => request);
}

const shortestRandom = 16;

/** RFC 5272 section 6.3.1.1. @throws CmcFailure popFailed */
function requireLinkWitness(
  { request, tagged }: CmcRequest,
  secret: string,
  { popLinkRandom }: RequestControls,
): void {
  const attribute = request.attributes.get('popLinkWitnessV2');
  const witness = attribute && readWitness(attribute);
  const holds =
    witness !== undefined &&
    popLinkRandom !== undefined &&
    popLinkRandom.length >= shortestRandom &&
    isWitnessOf(witness, secret, popLinkRandom);
  if (holds) return;
  throw failed(
    'linking-failed',
    `Linking of identity and proof of possession is required with a shared secret: each request must have a popLinkWitnessV2 over the value of popLinkRandom, of at least ${shortestRandom} octets (RFC 5272 section 6.3.1).`,
    witness && !isAcceptedWitness(witness) ? 'badAlg' : 'popFailed',
    [tagged.bodyPartId],
  );
}

/**
 * What a request says of the connection must hold. Where a group requires linking, that of CMC is as good: by a shared
 * secret, or by the certificate that the request repeats the names of (RFC 7030 section 3.5, RFC 6402 section 2.4).
 */
function linkingOf(
  { request, response, note }: EstExchange,
  { secret, purpose }: Requester,
  content: CertificateRequest,
  { group, relayedBy }: Caller,
): LinkingProof {
  const linked = secret !== undefined || purpose === 're-enrollment';
  const relaxed = linked && group.settings.linking === 'required';
  const settings = relaxed ? { ...group.settings, linking: 'optional' as const } : group.settings;
  const judged = { group: { ...group, settings }, ...(relayedBy ? { relayedBy } : {}) };
  const proof = verifyLinking({ request, response }, content, judged);
  const linking = linked && proof === 'absent' ? 'verified' : proof;
  note({ linking });
  return linking;
}

/**
 * Authorises the order and decides about it, so that what is refused is known before anything is issued.
 * @throws Refusal
 */
export function decide(
  exchange: EstExchange,
  { purpose }: Requester,
  identified: IdentifiedRequest,
  possession: ProvenPossession,
  given: Pick<CmcOrder, 'bodyPartId' | 'pendInfo'>,
): CmcOrder {
  const { caller, linking, request } = identified;
  const pending = { tagged: request.tagged, possession, linking, credential: caller.credential };
  const asked = { ...given, pending };
  if (purpose === 're-enrollment') {
    const order = orderOf(exchange, 'reenroll', identified, possession);
    decideReenrollment(order);
    return { ...asked, renews: true, order };
  }
  const order = orderOf(exchange, 'enroll', identified, possession);
  decideEnrollment(order);
  return { ...asked, renews: false, order };
}

function orderOf<Of extends Issuing>(
  exchange: EstExchange,
  operation: Of,
  { request: { request: content }, caller, linking }: IdentifiedRequest,
  possession: ProvenPossession,
): EnrollmentOrder<Of> {
  const { request, parts, requestId } = exchange;
  const { revocationChallenge } = content.challenges;
  return {
    request: content,
    authorized: authorizeIssuance(exchange, operation, caller),
    possession,
    linking,
    ...(revocationChallenge === undefined
      ? {}
      : { revocationChallenge: parts.revocationChallenges.conceal(revocationChallenge) }),
    allocation: parts.allocation.current,
    source: sourceOf(request),
    requestId,
  };
}

/** @throws ApprovalPending, Refusal, SignerUnavailable */
export function carryOut(asked: CmcOrder, { parts }: EstExchange): Promise<Issued> {
  return asked.renews ? reenroll(asked.order, parts) : enroll(asked.order, parts);
}

/**
 * How possession of the key is proven: by the request's own signature, or by the answer to a challenge of ours.
 * @returns undefined when it is not proven yet
 * @throws CmcFailure popFailed
 */
export function possessionOf(
  { parts }: EstExchange,
  identified: IdentifiedRequest,
  { decryptedPops }: RequestControls,
): ProvenPossession | undefined {
  const { request } = identified;
  const { bodyPartId } = request.tagged;
  if (request.possession === 'by-signature') return 'by-signature';
  if (request.possession === 'vouched-for-by-ra')
    throw failed(
      'possession-unproven',
      'A registration authority cannot vouch for the possession of a key here; its holder proves it.',
      'popFailed',
      [bodyPartId],
    );
  const answer = decryptedPops.find((pop) => pop.request === bodyPartId);
  if (!answer) return undefined;
  const identity = identityOf(identified);
  if (parts.popChallenges.isAnswer(answer, request, identity, new Date())) return 'by-decryption';
  throw failed(
    'possession-unproven',
    'The decryptedPOP does not answer a challenge for this request, or comes too late; send the request again for a new challenge.',
    'popFailed',
    [bodyPartId],
  );
}

/** @returns EncryptedPOP, DER. @throws CmcFailure popRequired when the key cannot decrypt */
export async function challengeFor(
  { parts }: EstExchange,
  identified: IdentifiedRequest,
): Promise<Uint8Array> {
  const { request } = identified;
  try {
    return await parts.popChallenges.make(request, identityOf(identified), new Date());
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new CmcFailure(error, 'popRequired', [request.tagged.bodyPartId]);
  }
}

function identityOf({ caller: { device, credential } }: IdentifiedRequest): string {
  return `${device.id} ${credential.kind} ${credential.id}`;
}

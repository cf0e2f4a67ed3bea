/**
 * The controls of a Full PKI Request that ask for something: whether they may have it.
 */

import { sameName } from '../../../ca/distinguished-name.ts';
import { type Authorized, authorize } from '../../../enrollment/authorize.ts';
import { isRegistrationAuthority } from '../../../enrollment/is-registration-authority.ts';
import { findIssued } from '../../../enrollment/issuers.ts';
import {
  type Revocable,
  type RevocationOrder,
  requireRevocable,
} from '../../../enrollment/revoke.ts';
import { sourceOf } from '../authenticate.ts';
import type { EstExchange } from '../exchange.ts';
import type { BodyPartId } from './body-part.ts';
import { failed } from './cmc-failure.ts';
import type { IssuerAndSerialNumber, RequestControls } from './controls.ts';
import type { Query } from './open-message.ts';
import { type CmcOrder, decide, identifyCaller } from './orders.ts';
import type { CmcMessage, Requester } from './requester.ts';

export interface CheckedRevocation {
  readonly bodyPartId: BodyPartId;
  readonly order: RevocationOrder;
  readonly revocable: Revocable;
}

export interface CheckedBatch {
  readonly bodyPartId: BodyPartId;
  readonly registrationAuthority: Authorized<'relay'>;
  /** ContentInfo, DER or BER, by its bodyPartID. */
  readonly messages: ReadonlyMap<BodyPartId, Uint8Array>;
}

/** The same credential asks: a token is worth nothing to others. */
export async function checkQuery(
  exchange: EstExchange,
  requester: Requester,
  { bodyPartId, request, pending, pendInfo }: Query,
): Promise<CmcOrder> {
  const { caller } = await identifyCaller(exchange, requester, request.request);
  const { kind, id } = caller.credential;
  if (kind !== pending.credential.kind || id !== pending.credential.id)
    throw failed(
      'identity-mismatch',
      'A pending request is asked for by the one who sent it, with the same credential.',
      'badIdentity',
      [bodyPartId],
    );
  const identified = { request, caller, linking: pending.linking };
  const asked = { bodyPartId, pendInfo };
  return decide(exchange, requester, identified, pending.possession, asked);
}

export async function checkRevocation(
  exchange: EstExchange,
  { known }: Requester,
  {
    bodyPartId,
    issuer,
    serialNumber,
    reason,
    invalidityDate,
    sharedSecret,
  }: RequestControls['revocations'][number],
): Promise<CheckedRevocation> {
  requireOwnIssuer(exchange, issuer);
  const order: RevocationOrder = {
    serialNumber,
    reason,
    ...(invalidityDate ? { invalidityDate } : {}),
    ...(known ? { caller: known.caller } : {}),
    called: exchange.group,
    ...(sharedSecret ? { secret: Buffer.from(sharedSecret).toString('utf8') } : {}),
    source: sourceOf(exchange.request),
    requestId: exchange.requestId,
  };
  return { bodyPartId, order, revocable: await requireRevocable(order, exchange.parts) };
}

/** confirmCertAcceptance (RFC 5272 section 6.14): we never ask for it, and take it for what it is. */
export async function requireOwnCertificate(
  exchange: EstExchange,
  { known }: Requester,
  { issuer, serialNumber }: IssuerAndSerialNumber,
): Promise<void> {
  const { issuers, ledger } = exchange.parts;
  requireOwnIssuer(exchange, issuer);
  const record = await findIssued(issuers, ledger, serialNumber);
  const asker =
    known &&
    authorize({ operation: 'consult', caller: known.caller, called: exchange.group }).caller;
  if (!asker || record?.subscriber !== asker.device.id)
    throw failed(
      'unknown-certificate',
      'The certificate that is confirmed is none of the device that sends the message.',
      'badCertId',
    );
}

function requireOwnIssuer({ parts }: EstExchange, issuer: Uint8Array): void {
  if (!parts.issuers.certificates.some(({ subject }) => sameName(issuer, subject)))
    throw failed(
      'unknown-certificate',
      'The certificate is of another issuer than this CA.',
      'badCertId',
    );
}

export function checkBatch(
  { group: called }: EstExchange,
  { data, wrapper }: CmcMessage,
  { known }: Requester,
  { bodyPartId, messages }: NonNullable<RequestControls['batch']>,
): CheckedBatch {
  const caller = known?.caller;
  if (wrapper || !caller || !isRegistrationAuthority(caller))
    throw failed(
      'malformed-request',
      'A batch comes from a registration authority, and holds no other batch.',
      'noSupport',
      [bodyPartId],
    );
  const registrationAuthority = authorize({ operation: 'relay', caller, called });
  const found = new Map<BodyPartId, Uint8Array>();
  for (const id of messages) {
    const content = data.contents.get(id);
    if (!content)
      throw failed(
        'malformed-request',
        'The batch names messages that are not in its cmsSequence (RFC 5272 section 6.17).',
        'badRequest',
        [bodyPartId],
      );
    found.set(id, content);
  }
  return { bodyPartId, registrationAuthority, messages: found };
}

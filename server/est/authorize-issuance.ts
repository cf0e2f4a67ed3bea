import type { Caller } from '../../enrollment/authenticator.ts';
import { type AuthorizedIssuance, authorize, type Issuing } from '../../enrollment/authorize.ts';
import type { EstExchange } from './exchange.ts';

/** Whether a caller may have a certificate at the label it called, by its profile and its issuer. @throws Refusal, Unavailable */
export function authorizeIssuance<Of extends Issuing>(
  { parts, group: called }: EstExchange,
  operation: Of,
  caller: Caller,
): AuthorizedIssuance<Of> {
  const profile = parts.profiles.of(caller);
  const issuer = parts.issuers.of(caller.group);
  return authorize({ operation, caller, called, profile, issuer });
}

import type { Profile } from '../../ca/certificate-profile.ts';
import type { Caller } from '../../enrollment/authenticator.ts';
import { type AuthorizedIssuance, authorize, type Issuing } from '../../enrollment/authorize.ts';

/** What is asked for, before it is authorised. */
export interface Asked {
  readonly caller: Caller;
  readonly profile: Profile;
}

/** An order that is authorised, for a caller whose group has that profile. @throws Refusal */
export function authorizedOrder<Of extends Issuing, More extends object>(
  operation: Of,
  { caller, profile, ...more }: Asked & More,
): Omit<Asked & More, keyof Asked> & { readonly authorized: AuthorizedIssuance<Of> } {
  const { group } = caller;
  const settings = { ...group.settings, profile: profile.name };
  const authorized = authorize({
    operation,
    caller: { ...caller, group: { ...group, settings } },
    called: undefined,
    profile,
    issuer: { name: group.settings.issuer },
  });
  return { ...more, authorized };
}

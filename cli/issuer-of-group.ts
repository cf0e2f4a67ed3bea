import { requireActive } from '../ca/certification-authority.ts';
import { mayIssueFor } from '../enrollment/authorize.ts';
import type { Stores } from '../storage/stores.ts';
import { loadCa } from './certification-authority.ts';
import { CommandError, exitCodes } from './exit.ts';

/**
 * Whether groups of that tenant can use that issuer: it is there, has its certificate, and is not another tenant's. Issuers
 * never go and never change their tenant, so what is true now remains so.
 * @throws CaStateError, CommandError
 */
export async function requireIssuerFor(
  stores: Pick<Stores, 'caState'>,
  tenant: string,
  name: string,
): Promise<void> {
  const ca = await loadCa(stores);
  requireActive(ca, name);
  const issuer = ca.issuers.find((each) => each.name === name);
  if (issuer && !mayIssueFor(issuer, tenant))
    throw new CommandError(
      exitCodes.notAllowed,
      `The issuer "${name}" is the tenant ${issuer.tenant}'s: its relying parties would take devices of tenant ${tenant} for theirs.`,
    );
}

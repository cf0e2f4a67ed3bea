import type { GroupSettings } from '../enrollment/group-settings.ts';
import type { Stores } from '../storage/stores.ts';
import { conflict, notFound } from './exit.ts';

/** Sees that who is to authorise certificates is there, and may be asked about devices of the tenant. @throws CommandError */
export async function requireAuthorizationWebhook(
  { webhooks }: Pick<Stores, 'webhooks'>,
  tenant: string,
  { authorizationWebhook: id = '' }: Partial<Pick<GroupSettings, 'authorizationWebhook'>>,
): Promise<void> {
  if (id === '') return;
  const found = await webhooks.find(id, new Date());
  if (!found) throw notFound(`There is no webhook ${id}.`);
  const { webhook } = found;
  if (webhook.purpose !== 'authorization')
    throw conflict(`The webhook ${id} is for ${webhook.purpose}; add one with --authorization.`);
  if (webhook.tenant !== undefined && webhook.tenant !== tenant)
    throw conflict(`The webhook ${id} is of tenant ${webhook.tenant}, the group of ${tenant}.`);
}

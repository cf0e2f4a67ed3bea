import {
  type AllocationPolicy,
  webhooksOf,
} from '../../enrollment/allocation/allocation-policy.ts';
import type { Stores } from '../../storage/stores.ts';
import { conflict, notFound } from '../exit.ts';

/** Sees that those whom a policy asks are there, and may be asked about devices of the group. @throws CommandError */
export async function requireWebhooksOf(
  policy: AllocationPolicy,
  label: string,
  { webhooks, tenants }: Pick<Stores, 'webhooks' | 'tenants'>,
): Promise<void> {
  const group = await tenants.groupOf(label);
  for (const id of webhooksOf(policy)) {
    const found = await webhooks.find(id, new Date());
    if (!found) throw notFound(`There is no webhook ${id}.`);
    const { purpose, tenant } = found.webhook;
    if (purpose !== 'allocation')
      throw conflict(`The webhook ${id} is for ${purpose}; add one with --allocation.`);
    if (group && tenant !== undefined && tenant !== group.tenant)
      throw conflict(`The webhook ${id} is of tenant ${tenant}, the group of ${group.tenant}.`);
  }
}

/** Groups whose policy may ask the webhook. */
export async function groupsAsking(
  id: string,
  { allocation }: Pick<Stores, 'allocation'>,
): Promise<string[]> {
  const asking = (await allocation.policies()).filter(({ policy }) =>
    webhooksOf(policy).includes(id),
  );
  return asking.map(({ label }) => label);
}

import { randomUUID } from 'node:crypto';
import { Unavailable } from '../../ca/unavailable.ts';
import type { AllocationCase, AllocationRules } from '../../enrollment/allocation/allocate.ts';
import { type Prospect, prospectOf } from '../../enrollment/allocation/prospect.ts';
import { type Config, readSecret } from '../../server/config.ts';
import { EndpointWebhook } from '../../server/events/endpoint-webhook.ts';
import { webhookParts } from '../../server/events/webhook-parts.ts';
import { readActiveProfiles } from '../../server/read-profiles.ts';
import type { Stores } from '../../storage/stores.ts';

/** Says what devices would get. */
export type Foresight = (asked: AllocationCase, rules: AllocationRules) => Promise<Prospect>;

/** Whom it would be asked, where that is a webhook. */
export const withoutAsking: Foresight = async (asked, rules) => prospectOf(asked, rules);

/** Asks the webhooks, which are told that no certificate follows. */
export async function askingWebhooks(stores: Stores, config: Config): Promise<Foresight> {
  const profiles = await readActiveProfiles(stores.profiles, config);
  const pepper = Buffer.from(readSecret(config.pepper, 'one-time password pepper'));
  const webhooks = new EndpointWebhook({
    ...webhookParts(config, pepper),
    webhooks: stores.webhooks,
    timeout: config.events.allocationTimeout,
    report: () => undefined,
  });
  return async (asked, rules) => {
    const prospect = prospectOf(asked, rules);
    if ('refusal' in prospect || !prospect.ask) return prospect;
    const { ask, ...known } = prospect;
    const { device, group, tenant, source } = asked;
    try {
      const answer = await webhooks.ask({
        webhook: ask.webhook,
        device: device.id,
        group: group.label,
        tenant: tenant.id,
        context: { ...device },
        ...(known.region === undefined ? {} : { region: known.region }),
        profile: profiles.of(asked).name,
        ...(source === undefined ? {} : { source }),
        requestId: randomUUID(),
        dryRun: true,
      });
      return 'endpoints' in answer ? { ...known, ...answer } : { refusal: answer.reason };
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      return ask.otherwise ? { ...known, ...ask.otherwise } : { refusal: error.message };
    }
  };
}

import type { EndpointWebhooks } from '../../enrollment/allocation/webhook.ts';

/** Where no policy names a webhook, nobody is asked. */
export const noEndpointWebhooks: EndpointWebhooks = {
  ask: async () => {
    throw new Error('Nobody was to be asked.');
  },
};

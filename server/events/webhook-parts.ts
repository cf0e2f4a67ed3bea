import { readFileSync } from 'node:fs';
import { WebhookSecrets } from '../../enrollment/events/webhook-secret.ts';
import type { Config } from '../config.ts';
import { WebhookClient } from './webhook-client.ts';

/** What all that speaks to webhooks needs. @throws Error where the file of CA certificates cannot be read */
export function webhookParts({ events, est }: Pick<Config, 'events' | 'est'>, pepper: Uint8Array) {
  const { allowNetworks, allowHttp, authorities, source } = events;
  return {
    client: new WebhookClient({
      allowNetworks,
      allowHttp,
      ...(authorities === undefined ? {} : { authorities: readFileSync(authorities, 'utf8') }),
    }),
    secrets: new WebhookSecrets(pepper),
    source: source ?? `https://${est.hostnames[0] ?? 'localhost'}/`,
  };
}

import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { WebhookSecrets } from '../../enrollment/events/webhook-secret.ts';
import type { Config } from '../config.ts';
import { AllowedAddresses } from './allowed-addresses.ts';
import { brokerCredentials } from './broker-credentials.ts';
import { ReceiversByScheme } from './receivers.ts';
import { WebhookClient } from './webhook-client.ts';

/** What all that speaks to webhooks needs. @throws Error where the file of CA certificates cannot be read */
export function webhookParts({ events, est }: Pick<Config, 'events' | 'est'>, pepper: Uint8Array) {
  const { allowNetworks, allowHttp, allowMqtt, brokers, source } = events;
  const authorities =
    events.authorities === undefined ? undefined : readFileSync(events.authorities, 'utf8');
  const client = new WebhookClient({
    allowNetworks,
    allowHttp,
    ...(authorities === undefined ? {} : { authorities }),
  });
  const receivers = new ReceiversByScheme(client, {
    addresses: new AllowedAddresses(allowNetworks),
    allowMqtt,
    ...(authorities === undefined ? {} : { authorities: [...rootCertificates, authorities] }),
    credentials: (broker) => brokerCredentials(brokers, broker),
  });
  return {
    client,
    receivers,
    secrets: new WebhookSecrets(pepper),
    source: source ?? `https://${est.hostnames[0] ?? 'localhost'}/`,
  };
}

import { X509Certificate } from 'node:crypto';
import type { Config } from '../../server/config.ts';
import { brokerName, isBrokerUrl, readBrokerUrl } from '../../server/events/broker-address.ts';
import { brokerCredentials } from '../../server/events/broker-credentials.ts';
import { checkWebhookUrl } from '../../server/events/webhook-client.ts';

/** A certificate for a broker is replaced by hand. */
const daysToReplace = 30;
const day = 86_400_000;

/**
 * Why the configuration, as it is now, lets nothing reach a webhook, or soon will not. Connects to nothing.
 * @returns undefined where nothing is in the way
 */
export function wayProblem(url: string, { events }: Pick<Config, 'events'>, now: Date) {
  try {
    if (!isBrokerUrl(url)) {
      checkWebhookUrl(url, events);
      return undefined;
    }
    const address = readBrokerUrl(url, events);
    const broker = brokerName(address);
    const { certificate, ...shown } = brokerCredentials(events.brokers, broker);
    if (!address.tls && (certificate !== undefined || Object.keys(shown).length > 0))
      return `what events.brokers has for ${broker} is not sent without TLS`;
    if (certificate === undefined) return undefined;
    const { validToDate } = new X509Certificate(certificate);
    const days = Math.floor((validToDate.getTime() - now.getTime()) / day);
    return days < daysToReplace
      ? `the certificate for the broker ${broker} ends on ${validToDate.toISOString()}`
      : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

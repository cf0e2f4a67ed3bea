/** Where events go by MQTT: `mqtts://HOST[:PORT]/TOPIC/PREFIX`, and the topics below the prefix. */

import type { EventContent } from './cloud-event.ts';

export interface BrokerAddress {
  readonly tls: boolean;
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Levels of the topic that come first; empty for none. */
  readonly prefix: string;
}

const longestUrl = 2000;
const longestPrefix = 200;
const ports = { 'mqtts:': 8883, 'mqtt:': 1883 } as const;
const scheme = /^mqtts?:\/\//i;
const notInUrl = /[\s\\\p{Cc}]/u;
/** No wildcard, and no `$`: topics that begin with it belong to the broker. */
const prefixForm = /^(?:[A-Za-z0-9._~@-]+(?:\/[A-Za-z0-9._~@-]+)*)?$/;

export function isBrokerUrl(text: string): boolean {
  return scheme.test(text);
}

/** @throws TypeError with a sentence */
export function readBrokerUrl(text: string, { allowMqtt }: { allowMqtt: boolean }): BrokerAddress {
  // The rules for hosts hold for schemes of the web alone: in others `0x7f.1` would be a name.
  const asWeb = text.replace(scheme, 'https://');
  if (
    text.length > longestUrl ||
    notInUrl.test(text) ||
    !isBrokerUrl(text) ||
    !URL.canParse(asWeb) ||
    !URL.canParse(text) ||
    new URL(text).hostname === ''
  )
    throw new TypeError(`"${text.slice(0, 80)}" is not the URL of a broker.`);
  const { hostname, pathname, search, hash, username, password } = new URL(asWeb);
  const { protocol, port } = new URL(text);
  const tls = protocol === 'mqtts:';
  if (!tls && !allowMqtt)
    throw new TypeError(
      'The URL of a broker must begin with mqtts://; mqtt:// needs events.allowMqtt in the configuration.',
    );
  if (username || password)
    throw new TypeError(
      'The URL of a broker holds no user name or password: they belong to events.brokers in the configuration.',
    );
  if (search || hash) throw new TypeError('The URL of a broker has no query and no fragment.');
  const prefix = pathname.slice(1);
  if (!prefixForm.test(prefix) || prefix.length > longestPrefix)
    throw new TypeError(
      `The path of a broker's URL begins its topics: levels of letters, digits and - . _ ~ @, ${longestPrefix} characters at most, and no slash at the end.`,
    );
  const host = hostname.replace(/^\[|\]$/g, '');
  return { tls, host, port: Number(port || ports[tls ? 'mqtts:' : 'mqtt:']), prefix };
}

/** `HOST:PORT`, as `events.brokers` names it. */
export function brokerName({ host, port }: Pick<BrokerAddress, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** @returns whether it is what `brokerName` makes, in capital letters or not */
export function isBrokerName(text: string): boolean {
  const url = `mqtts://${text}`;
  try {
    return brokerName(readBrokerUrl(url, { allowMqtt: false })) === text.toLowerCase();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return false;
  }
}

/** In place of a tenant or subject that there is none of; it cannot be the id of either. */
const none = '_';
/** MQTT 5.0 section 4.7.1: what would end a level, or be taken for a wildcard. */
const notInLevel = /[/+#\p{Cc}]/u;

/**
 * `PREFIX/TENANT/TYPE/SUBJECT`.
 * @throws TypeError with a sentence where one of them cannot be a level of a topic
 */
export function topicOf(prefix: string, { tenant, type, subject }: EventContent): string {
  const levels = [tenant ?? none, type, subject ?? none];
  for (const level of levels)
    if (level === '' || notInLevel.test(level))
      throw new TypeError(`"${level}" cannot stand in the topic of an event.`);
  return [...(prefix === '' ? [] : [prefix]), ...levels].join('/');
}

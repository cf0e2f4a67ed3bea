import { readFileSync } from 'node:fs';
import { type BrokerConfig, readSecret } from '../config.ts';
import type { BrokerCredentials } from './mqtt-connection.ts';

/**
 * What the configuration has for a broker: nothing is an answer too.
 * @param broker `HOST:PORT`
 * @throws Error with a sentence
 */
export function brokerCredentials(
  brokers: Readonly<Record<string, BrokerConfig>>,
  broker: string,
): BrokerCredentials {
  if (!Object.hasOwn(brokers, broker)) return {};
  const { username, password, certificate, key } = brokers[broker] ?? {};
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined
      ? {}
      : { password: readSecret(password, `password for the broker ${broker}`) }),
    ...(certificate === undefined ? {} : { certificate: readFileSync(certificate, 'utf8') }),
    ...(key === undefined ? {} : { key: readSecret(key, `key for the broker ${broker}`) }),
  };
}

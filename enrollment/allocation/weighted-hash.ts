/**
 * Weighted rendezvous hashing (highest random weight): each device draws a lot with each broker, and the highest wins. Nothing
 * is kept: who knows the brokers knows where every device is. A broker that is added wins its share from the others and
 * moves nobody between them; of one that is taken away, only its own devices move.
 */

import { hash } from 'node:crypto';
import type { Broker } from './allocation-policy.ts';
import { allocateFailover } from './failover.ts';

/** All brokers, the device's own first, then where it would go without that one, and so on; those marked down are last. */
export function rankBrokers<B extends Broker>(
  device: string,
  brokers: readonly B[],
  down: ReadonlySet<string>,
): B[] {
  return brokers
    .map((broker) => ({
      broker,
      isDown: broker.endpoints.every((endpoint) => down.has(endpoint)),
      score: scoreOf(device, broker),
    }))
    .sort(
      (a, b) =>
        Number(a.isDown) - Number(b.isDown) ||
        b.score - a.score ||
        (a.broker.id < b.broker.id ? -1 : 1),
    )
    .map(({ broker }) => broker);
}

/** The endpoints of the first brokers in the ranking. @param alternatives how many brokers besides the device's own */
export function allocateWeighted(
  device: string,
  brokers: readonly Broker[],
  alternatives: number,
  down: ReadonlySet<string>,
): { endpoints: readonly string[]; broker?: string } {
  const chosen = rankBrokers(device, brokers, down)
    .filter(({ weight }) => weight > 0)
    .slice(0, 1 + alternatives);
  const endpoints = chosen.flatMap((broker) => allocateFailover(broker.endpoints, down));
  return { endpoints, ...(chosen[0] ? { broker: chosen[0].id } : {}) };
}

/**
 * -w / ln(u), with u in (0, 1) from the device and the broker: the greatest of such scores is a broker's with the
 * probability of its weight's share.
 */
function scoreOf(device: string, { id, weight }: Pick<Broker, 'id' | 'weight'>): number {
  return -weight / Math.log(lot(device, id));
}

const lots = 2 ** 52;

/** The first 52 bits of SHA-256, so that adding one half is exact and neither 0 nor 1 is drawn. */
function lot(device: string, broker: string): number {
  // Neither id holds a NUL, so no two pairs have the same octets.
  const digest = hash('sha256', `${device}\0${broker}`, 'hex');
  return (Number.parseInt(digest.slice(0, 13), 16) + 0.5) / lots;
}

/**
 * How devices divide over the places they would go to.
 */

import type { Prospect } from '../../enrollment/allocation/prospect.ts';

export interface Share {
  /** The region that decided, where one did. */
  readonly region?: string;
  readonly broker?: string;
  /** Where a device connects first; absent for devices that get no endpoint. */
  readonly endpoint?: string;
  /** Which webhook would be asked where they go. */
  readonly webhook?: string;
  /** For devices that would be refused. */
  readonly refused?: true;
  readonly quarantined?: true;
  readonly devices: number;
  /** Of all devices, from 0 to 1. */
  readonly share: number;
}

export class Tally {
  readonly #counts = new Map<string, { key: Omit<Share, 'devices' | 'share'>; devices: number }>();
  #devices = 0;
  #moved = 0;

  /** @param before what the device has now, where that is to be compared */
  add(prospect: Prospect, before?: Prospect): void {
    this.#devices++;
    if (before && endpointsText(before) !== endpointsText(prospect)) this.#moved++;
    const key = keyOf(prospect);
    const text = JSON.stringify(key);
    const count = this.#counts.get(text) ?? { key, devices: 0 };
    count.devices++;
    this.#counts.set(text, count);
  }

  get devices(): number {
    return this.#devices;
  }

  /** Devices that would get something else than they have now. */
  get moved(): number {
    return this.#moved;
  }

  /** The largest first. */
  get shares(): Share[] {
    return [...this.#counts.values()]
      .map(({ key, devices }) => ({ ...key, devices, share: devices / this.#devices }))
      .sort((a, b) => b.devices - a.devices);
  }
}

function keyOf(prospect: Prospect): Omit<Share, 'devices' | 'share'> {
  if ('refusal' in prospect) return { refused: true };
  const { region, broker, endpoints, quarantined, ask } = prospect;
  const [endpoint] = endpoints;
  return {
    ...(region === undefined ? {} : { region }),
    ...(broker === undefined ? {} : { broker }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(ask ? { webhook: ask.webhook } : {}),
    ...(quarantined ? { quarantined: true as const } : {}),
  };
}

export function endpointsText(prospect: Prospect): string {
  if ('refusal' in prospect) return '';
  return prospect.ask ? `as ${prospect.ask.webhook} says` : prospect.endpoints.join(' ');
}

/**
 * The trust anchors of manufacturers, read once. No file of our own CA knows of them.
 */

import type { Certificate } from '../ca/certificate.ts';
import type { FactoryTrust } from '../ca/factory-certificate.ts';
import {
  readIntermediate,
  readTrustAnchor,
  type TrustAnchor,
} from '../ca/path-validation/trust-anchor.ts';
import type { Manufacturer } from './manufacturer.ts';

/** An anchor knows whose it is: two manufacturers do not share one. */
export interface ManufacturerAnchor extends TrustAnchor {
  readonly manufacturer: Manufacturer;
}

/** Certificates that are remembered at once, so that those of removed manufacturers do not pile up. */
const mostRemembered = 2000;

export class FactoryTrustStore {
  readonly #anchors = new Map<string, TrustAnchor>();
  readonly #intermediates = new Map<string, Certificate>();

  of(manufacturers: readonly Manufacturer[]): FactoryTrust<ManufacturerAnchor> {
    return {
      anchors: manufacturers.flatMap((manufacturer) =>
        manufacturer.anchors.map((der) => ({
          ...remembered(this.#anchors, der, readTrustAnchor),
          manufacturer,
        })),
      ),
      intermediates: manufacturers.flatMap(({ intermediates }) =>
        intermediates.map((der) => remembered(this.#intermediates, der, readIntermediate)),
      ),
    };
  }
}

function remembered<T>(store: Map<string, T>, der: Uint8Array, read: (der: Uint8Array) => T): T {
  const key = Buffer.from(der).toString('base64');
  const known = store.get(key);
  if (known !== undefined) return known;
  const value = read(der);
  if (store.size >= mostRemembered) store.clear();
  store.set(key, value);
  return value;
}

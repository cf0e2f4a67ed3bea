import { lastCertificateOf, renewalCase } from '../../enrollment/allocation/last-certificate.ts';
import type { Config } from '../../server/config.ts';
import { readActiveProfiles } from '../../server/read-profiles.ts';
import type { Stores } from '../../storage/stores.ts';
import type { Foresight } from './foresight.ts';
import { registeredDevices } from './registered-devices.ts';
import { rulesOnRecord } from './rules-on-record.ts';

/** A device whose certificate says something else than its next one would. */
export interface Drift {
  readonly device: string;
  readonly group: string;
  /** Of the certificate it has. */
  readonly serialNumber: string;
  readonly got: readonly string[];
  /** Absent where the device would be refused, or a webhook decides. */
  readonly should?: readonly string[];
  readonly refusal?: string;
  /** The one that decides: what the device should have is not known before it is asked. */
  readonly webhook?: string;
}

const mostRecords = 20;

/**
 * By what the registry and the records know; a region of the network a device calls from is that of its last call.
 * Devices without a valid certificate, and those whose profile has no place for endpoints, are left out.
 */
export async function driftOf(
  stores: Stores,
  config: Config,
  label: string | undefined,
  foresee: Foresight,
): Promise<Drift[]> {
  const rules = await rulesOnRecord(stores);
  const profiles = await readActiveProfiles(stores.profiles, config);
  const now = new Date();
  const found: Drift[] = [];
  for await (const known of registeredDevices(stores, label)) {
    if (profiles.of(known).endpoints === 'none') continue;
    const { id: device } = known.device;
    const records = await stores.ledger.list({ subscriber: device, limit: mostRecords });
    const last = lastCertificateOf(records, config.endpointArc, now);
    if (!last) continue;
    const { serialNumber, endpoints: got } = last;
    const prospect = await foresee(renewalCase(known, last), rules);
    const base = { device, group: known.group.label, serialNumber, got };
    if ('refusal' in prospect) found.push({ ...base, refusal: prospect.refusal });
    else if (prospect.ask) found.push({ ...base, webhook: prospect.ask.webhook });
    else if (prospect.endpoints.join(' ') !== got.join(' '))
      found.push({ ...base, should: prospect.endpoints });
  }
  return found;
}

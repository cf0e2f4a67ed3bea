import type { AllocationCase } from '../../enrollment/allocation/allocate.ts';
import { lastCertificateOf, renewalCase } from '../../enrollment/allocation/last-certificate.ts';
import { type CampaignChange, inNewPlace } from '../../enrollment/campaigns/campaign.ts';
import type { Stores } from '../../storage/stores.ts';
import { withoutAsking } from '../allocation/foresight.ts';
import { rulesOnRecord } from '../allocation/rules-on-record.ts';
import { Tally } from '../allocation/tally.ts';
import type { Chosen } from './chosen-devices.ts';

export interface Preview {
  /** Where they would go now. */
  readonly from: Tally;
  /** Where they would go in their new place. */
  readonly to: Tally;
}

/** What a campaign would come to, by the simulator. */
export async function previewOf(
  stores: Stores,
  { devices }: Chosen,
  change: CampaignChange,
  arc: string,
): Promise<Preview> {
  const rules = await rulesOnRecord(stores);
  const now = new Date();
  const [from, to] = [new Tally(), new Tally()];
  for (const known of devices) {
    const records = await stores.ledger.list({ subscriber: known.device.id, limit: 20 });
    const asked: AllocationCase = renewalCase(known, lastCertificateOf(records, arc, now));
    const before = await withoutAsking(asked, rules);
    from.add(before);
    const there = { ...asked, device: inNewPlace(known.device, change) };
    to.add(await withoutAsking(there, rules), before);
  }
  return { from, to };
}

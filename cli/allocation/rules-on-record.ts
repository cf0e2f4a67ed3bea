import type { AllocationRules } from '../../enrollment/allocation/allocate.ts';
import { FollowedRules } from '../../enrollment/allocation/followed-rules.ts';
import type { Stores } from '../../storage/stores.ts';

/** The rules that the servers go by, as they are now. */
export async function rulesOnRecord({ allocation }: Stores): Promise<AllocationRules> {
  const report = () => undefined;
  return (await FollowedRules.read({ directory: allocation, report })).current;
}

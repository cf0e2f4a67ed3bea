import { Refusal } from '../../ca/refusal.ts';
import {
  type Allocation,
  type AllocationCase,
  type AllocationRules,
  allocate,
} from '../../enrollment/allocation/allocate.ts';
import { FollowedRules } from '../../enrollment/allocation/followed-rules.ts';
import type { Stores } from '../../storage/stores.ts';

/** The rules that the servers go by, as they are now. */
export async function rulesOnRecord({ allocation }: Stores): Promise<AllocationRules> {
  const report = () => undefined;
  return (await FollowedRules.read({ directory: allocation, report })).current;
}

/** What a device would get, or why it would get nothing. */
export type Prospect = Allocation | { readonly refusal: string };

export function prospectOf(asked: AllocationCase, rules: AllocationRules): Prospect {
  try {
    return allocate(asked, rules);
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error.message };
    throw error;
  }
}

import { Refusal } from '../../ca/refusal.ts';
import {
  type Allocation,
  type AllocationCase,
  type AllocationRules,
  allocate,
} from './allocate.ts';

/** What a device would get, whom that would be asked, or why it would get nothing. */
export type Prospect = Allocation | { readonly refusal: string };

export function prospectOf(asked: AllocationCase, rules: AllocationRules): Prospect {
  try {
    return allocate(asked, rules);
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error.message };
    throw error;
  }
}

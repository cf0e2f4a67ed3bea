import type { Issued } from '../ca/certificate-authority.ts';
import { admit, type EnrollmentParts } from './admit.ts';
import { awaitId, isUnnamed } from './await-confirmation.ts';
import { decideEnrollment, type EnrollmentOrder } from './policy.ts';

/** /simpleenroll (RFC 7030 section 4.2.1). @throws Refusal, SignerUnavailable */
export async function enroll(
  order: EnrollmentOrder<'enroll'>,
  parts: EnrollmentParts,
): Promise<Issued> {
  if (isUnnamed(order.authorized.caller)) return awaitId(order, parts);
  return admit(decideEnrollment(order), order, parts);
}

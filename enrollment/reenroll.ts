import type { Issued } from '../ca/certificate-authority.ts';
import { admit, type EnrollmentParts } from './admit.ts';
import { decideReenrollment, type EnrollmentOrder } from './policy.ts';

/** /simplereenroll (RFC 7030 section 4.2.2). @throws Refusal, SignerUnavailable */
export async function reenroll(order: EnrollmentOrder, parts: EnrollmentParts): Promise<Issued> {
  return admit(decideReenrollment(order), order, parts);
}

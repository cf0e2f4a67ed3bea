import type { CertificateAuthority, Issued } from '../ca/certificate-authority.ts';
import { decideEnrollment, type EnrollmentOrder } from './policy.ts';

/** /simpleenroll (RFC 7030 section 4.2.1). @throws Refusal, SignerUnavailable */
export function enroll(order: EnrollmentOrder, authority: CertificateAuthority): Promise<Issued> {
  return authority.issue(decideEnrollment(order));
}

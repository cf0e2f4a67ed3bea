import type { CertificateAuthority, Issued } from '../ca/certificate-authority.ts';
import { decideReenrollment, type EnrollmentOrder } from './policy.ts';

/** /simplereenroll (RFC 7030 section 4.2.2). @throws Refusal, SignerUnavailable */
export function reenroll(order: EnrollmentOrder, authority: CertificateAuthority): Promise<Issued> {
  return authority.issue(decideReenrollment(order));
}

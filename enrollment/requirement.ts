import type { CertificateRequest, RequestContent } from '../ca/certificate-request.ts';
import type { CsrAttributes } from '../ca/csr-attributes.ts';
import { dotted, type ObjectIdentifier } from '../ca/object-identifiers.ts';

/** Something that a group insists on: announced and enforced from this one value. */
export interface Requirement<Request extends RequestContent = CertificateRequest> {
  /** Completes "A request must have"; with object identifiers, as the announcement has them. */
  readonly words: string;
  readonly announces: Partial<CsrAttributes>;
  /** What the request has instead, in words; undefined where it has what is required. */
  instead(request: Request): string | undefined;
}

/** A type by name and number: clients print the announcement with one or the other. */
export function nameAndNumber(type: ObjectIdentifier): string {
  return `${type} (${dotted[type]})`;
}

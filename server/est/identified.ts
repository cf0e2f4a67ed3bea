import type { RequestContent } from '../../ca/certificate-request.ts';
import type { Caller } from '../../enrollment/authenticator.ts';

/** A request, and the one the certificate will be for. */
export interface Identified<Content extends RequestContent> {
  readonly caller: Caller;
  readonly request: Content;
}

/**
 * What a recipient says it can decrypt: SMIMECapabilities (RFC 8551 section 2.5.2).
 */

import { type DerElement, tags } from '../der.ts';
import { malformed } from '../refusal.ts';

export interface SmimeCapability {
  /** capabilityID: OBJECT IDENTIFIER, DER. */
  readonly type: Uint8Array;
  readonly parameters?: DerElement;
}

/**
 * @param value the one value of the attribute
 * @returns its capabilities in their order, known or not
 * @throws Refusal malformed-request
 */
export function readSmimeCapabilities(value: DerElement): SmimeCapability[] {
  if (value.tag !== tags.sequence) throw notCapabilities();
  return value.children.map((capability) => {
    const [type, parameters, surplus] = capability.children;
    if (capability.tag !== tags.sequence || type?.tag !== tags.oid || surplus)
      throw notCapabilities();
    return { type: type.bytes, ...(parameters ? { parameters } : {}) };
  });
}

function notCapabilities() {
  return malformed('The attribute smimeCapabilities is malformed (RFC 8551 section 2.5.2).');
}

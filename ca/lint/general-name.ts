/** GeneralName (RFC 5280 section 4.2.1.6), by the tags of its choices. */

import { type DerElement, latin1 } from '../der.ts';

export const generalName = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const;

const http = /^http:\/\/[\x21-\x7e]+$/;

export function isHttpUri({ tag, content }: DerElement): boolean {
  return tag === generalName.uri && http.test(latin1(content));
}

/** DistributionPointName as [0] has it: a fullName of http URIs (RFC 5280 sections 4.2.1.13 and 5.2.5). */
export function isDistributionPointName({ tag, children }: DerElement): boolean {
  const [names, surplus] = children;
  return (
    tag === 0xa0 &&
    !surplus &&
    names?.tag === 0xa0 &&
    names.children.length > 0 &&
    names.children.every(isHttpUri)
  );
}

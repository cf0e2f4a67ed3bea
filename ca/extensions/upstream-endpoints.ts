/**
 * Where the device is to connect once it holds its certificate: the one extension of our own.
 *
 *     UpstreamEndpoints ::= SEQUENCE SIZE (1..MAX) OF IA5String   -- absolute URIs, in order of preference
 *
 * Not critical. Set by policy only, never copied from a request. The precedent is RFC 8995 section 2.3.2.
 */

import { AccessDescription, GeneralName, InfoAccess } from 'pkijs';
import type { Certificate } from '../certificate.ts';
import { type DerElement, encode, encodeOid, latin1, readDer, sameBytes, tags } from '../der.ts';
import { octetsKey, oid } from '../object-identifiers.ts';
import { encodeExtension } from './extension.ts';

/** The arc of X.667 that stands for us; an organisation can configure its own. `.1` is the extension, `.2` the access method. */
export const defaultEndpointArc = '2.25.167961711462897340840238540640387591537';

const maxUriLength = 512;
export const maxEndpoints = 16;
/** Only the characters of RFC 3986: others, such as a backslash, mean another host to another parser. */
const uri = /^[a-z][a-z0-9+.-]*:\/\/([a-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9a-f]{2})+$/i;
const userInfo = /^[^/]*\/\/[^/?#]*@/;
const scriptSchemes = /^(javascript|data|file):/i;

/**
 * Checks one endpoint as an operator wrote it: an absolute URI with an authority (RFC 3986 section 3), in ASCII,
 * without a password in it.
 * @throws TypeError with a sentence
 */
export function checkEndpoint(text: string): string {
  if (!uri.test(text) || scriptSchemes.test(text) || text.length > maxUriLength)
    throw new TypeError(
      `"${text.slice(0, 80)}" is not an endpoint: write an absolute URI such as mqtts://broker.example:8883, in ASCII, of at most ${maxUriLength} characters.`,
    );
  if (!URL.canParse(text)) throw new TypeError(`"${text}" is not a valid URI.`);
  if (userInfo.test(text))
    throw new TypeError('An endpoint holds no user name or password: certificates are public.');
  if (!new URL(text).hostname) throw new TypeError(`"${text}" names no host.`);
  return text;
}

/** The extension, DER, for checked URIs in order of preference. @param arc dotted arc, without the `.1` */
export function upstreamEndpoints(uris: readonly string[], arc: string): Uint8Array {
  const value = encode(
    tags.sequence,
    ...uris.map((endpoint) => encode(tags.ia5String, Buffer.from(endpoint, 'latin1'))),
  );
  return encodeExtension(encodeOid(`${arc}.1`), value);
}

/** The same URIs as Subject Information Access (RFC 5280 section 4.2.2.2), which every OpenSSL prints. */
export function subjectInformationAccess(uris: readonly string[], arc: string): Uint8Array {
  const value = new InfoAccess({
    accessDescriptions: uris.map(
      (endpoint) =>
        new AccessDescription({
          accessMethod: `${arc}.2`,
          accessLocation: new GeneralName({ type: 6, value: endpoint }),
        }),
    ),
  });
  return encodeExtension(oid.subjectInfoAccess, new Uint8Array(value.toSchema().toBER()));
}

/** Reads the extension's own DER back into URIs. @throws Error when it is not UpstreamEndpoints */
export function readUpstreamEndpoints(value: Uint8Array): string[] {
  const list: DerElement = readDer(value);
  if (list.tag !== tags.sequence || list.children.length === 0)
    throw new Error('The upstream endpoint extension is malformed.');
  return list.children.map(({ tag, content }) => {
    if (tag !== tags.ia5String) throw new Error('An upstream endpoint is not an IA5String.');
    return latin1(content);
  });
}

/** uniformResourceIdentifier [6] of a GeneralName (RFC 5280 section 4.2.1.6). */
const uriName = 0x86;

/**
 * What a certificate says, by the extension or else by Subject Information Access; nothing where it has neither.
 * @param arc dotted
 * @throws Error where they are malformed
 */
export function endpointsIn(
  { extensions }: Pick<Certificate, 'extensions'>,
  arc: string,
): string[] {
  const own = extensions.get(octetsKey(encodeOid(`${arc}.1`)));
  if (own) return readUpstreamEndpoints(own.value);
  const access = extensions.get(octetsKey(oid.subjectInfoAccess));
  if (!access) return [];
  const method = encodeOid(`${arc}.2`);
  return readDer(access.value).children.flatMap(({ children: [accessMethod, location] }) =>
    accessMethod && location?.tag === uriName && sameBytes(accessMethod.bytes, method)
      ? [latin1(location.content)]
      : [],
  );
}

import type { CertificateId, OcspRequest } from '../../ca/ocsp-request.ts';
import { readOcspRequest } from '../../ca/ocsp-request.ts';
import { malformed, Refusal } from '../../ca/refusal.ts';

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const slash = '/';
/** More than any base64 of a request holds by chance. */
const mostSlashes = 64;

/**
 * Reads an OCSP request from the path of a GET (RFC 6960 appendix A.1): base64, of which `+`, `/` and `=` may or may not be
 * percent-encoded. Clients add a slash to an address that ends with one, and leave the padding out. Between them and us
 * some make one slash of two: then the request ends too early, and the place of the missing one is where it makes sense.
 * @param encoded what follows the responder's address
 * @param ours whether a certificate is one of this responder's issuer
 * @throws Refusal malformed-request
 */
export function readOcspPath(encoded: string, ours: (id: CertificateId) => boolean): OcspRequest {
  const text = withoutEscapes(encoded);
  if (!base64.test(text))
    throw malformed('The path is not base64 of an OCSP request (RFC 6960 appendix A.1).');
  try {
    return readBase64(text);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const restored = withOneMoreSlash(text).flatMap(readable);
    const request = restored.find(({ certificates }) => certificates.every(ours)) ?? restored[0];
    if (!request) throw error;
    return request;
  }
}

/** DER begins with 0x30, so the base64 begins with M and never with a slash. */
function withoutEscapes(encoded: string): string {
  try {
    return decodeURIComponent(encoded).replace(/^\/+/, '').replaceAll(' ', '+');
  } catch (cause) {
    throw malformed('The path has a malformed percent-encoding (RFC 3986 section 2.1).', { cause });
  }
}

function readBase64(text: string): OcspRequest {
  return readOcspRequest(Buffer.from(text, 'base64'));
}

function withOneMoreSlash(text: string): string[] {
  const candidates: string[] = [];
  for (let at = text.indexOf(slash); at >= 0; at = text.indexOf(slash, at + 1)) {
    candidates.push(`${text.slice(0, at)}${slash}${text.slice(at)}`);
    if (candidates.length === mostSlashes) break;
  }
  return candidates;
}

function readable(text: string): OcspRequest[] {
  try {
    return [readBase64(text)];
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}

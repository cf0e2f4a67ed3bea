import {
  parseRequestOfAnyKey,
  type RequestWithPossession,
} from '../../../ca/certificate-request.ts';
import { parseCertificateRequestMessage } from '../../../ca/certificate-request-message.ts';
import { malformed } from '../../../ca/refusal.ts';
import { failed, failureOf } from './cmc-failure.ts';
import type { TaggedRequest } from './pki-data.ts';

export interface CmcRequest extends RequestWithPossession {
  readonly tagged: TaggedRequest;
}

/**
 * Reads the certification requests of a message, and verifies their signatures.
 * @param issuer Name of this CA, DER
 * @throws CmcFailure about the first request that is none
 */
export async function readRequests(
  requests: readonly TaggedRequest[],
  issuer: Uint8Array,
): Promise<CmcRequest[]> {
  const other = requests.filter(({ format }) => format === 'other');
  if (other.length > 0)
    throw failed(
      'malformed-request',
      'Only PKCS#10 and CRMF requests are supported (RFC 5272 section 3.2.1).',
      'noSupport',
      other.map(({ bodyPartId }) => bodyPartId),
    );
  const read: CmcRequest[] = [];
  for (const tagged of requests)
    try {
      read.push({ tagged, ...(await parse(tagged, issuer)) });
    } catch (error) {
      throw failureOf(error, [tagged.bodyPartId]);
    }
  return read;
}

function parse(
  { format, parts }: TaggedRequest,
  issuer: Uint8Array,
): Promise<RequestWithPossession> {
  if (format === 'crmf') return parseCertificateRequestMessage(parts, issuer);
  const [, request, surplus] = parts;
  if (!request || surplus)
    throw malformed('A PKCS#10 request is malformed (RFC 5272 section 3.2.1.2.1).');
  return parseRequestOfAnyKey(request.bytes);
}

/**
 * Writes OCSP responses (RFC 6960 section 4.2, RFC 9919 section 3.2).
 */

import { type Certificate, keyIdentifierOf } from './certificate.ts';
import { signatureAlgorithmIdentifier } from './compose-certificate.ts';
import { reasonCodes } from './crl.ts';
import { encode, encodeBitString, encodeGeneralizedTime, tags } from './der.ts';
import { encodeExtension } from './extensions/extension.ts';
import type { RevocationReason } from './issuance-ledger.ts';
import { requireWellFormedOcspResponse } from './lint/lint-ocsp-response.ts';
import { oid } from './object-identifiers.ts';
import { signOctets } from './sign-structure.ts';
import type { Signer } from './signer.ts';

export type CertificateStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'revoked'; readonly at: Date; readonly reason: RevocationReason };

/** Everything a response will say. */
export interface OcspStatement {
  /** By their CertIDs, DER, in the order of the request. */
  readonly certificates: readonly {
    readonly id: Uint8Array;
    readonly status: CertificateStatus;
  }[];
  /** When it is signed, and as of when the statuses are known; whole seconds. */
  readonly producedAt: Date;
  readonly thisUpdate: Date;
  /** When something newer will be there at the latest; whole seconds. */
  readonly nextUpdate: Date;
  /** That of the request. */
  readonly nonce?: Uint8Array;
}

/** OCSPResponseStatus of those who get no answer (RFC 6960 section 4.2.1). Their responses are not signed. */
const errorStatuses = {
  malformedRequest: 1,
  internalError: 2,
  tryLater: 3,
  unauthorized: 6,
} as const;
export type OcspErrorStatus = keyof typeof errorStatuses;

const enumerated = 0x0a;
const successful = encode(enumerated, Uint8Array.of(0));

/** OCSPResponse without responseBytes, DER. */
export function ocspError(status: OcspErrorStatus): Uint8Array {
  return encode(tags.sequence, encode(enumerated, Uint8Array.of(errorStatuses[status])));
}

/**
 * @param certificate that of the signer's key; it goes along, since relying parties need not have it
 * @returns OCSPResponse with a BasicOCSPResponse, DER
 * @throws SignerUnavailable, SignatureFault
 * @throws LintFindings when it would not be well-formed
 */
export async function signOcspResponse(
  statement: OcspStatement,
  signer: Signer,
  certificate: Certificate,
): Promise<Uint8Array> {
  const data = composeResponseData(statement, certificate);
  requireWellFormedOcspResponse(data, {
    certificateIds: statement.certificates.map(({ id }) => id),
    nonce: statement.nonce,
    responderKey: certificate.subjectPublicKey,
  });
  const basic = encode(
    tags.sequence,
    data,
    signatureAlgorithmIdentifier(signer.algorithm),
    encodeBitString(await signOctets(data, signer)),
    encode(0xa0, encode(tags.sequence, certificate.der)),
  );
  const responseBytes = encode(
    tags.sequence,
    oid['id-pkix-ocsp-basic'],
    encode(tags.octetString, basic),
  );
  return encode(tags.sequence, successful, encode(0xa0, responseBytes));
}

/**
 * @param responder whose key names it: responderID is byKey (RFC 9919 section 3.2.2)
 * @returns ResponseData, DER
 */
export function composeResponseData(
  { certificates, producedAt, thisUpdate, nextUpdate, nonce }: OcspStatement,
  responder: Pick<Certificate, 'subjectPublicKey'>,
): Uint8Array {
  const times = [
    encodeGeneralizedTime(thisUpdate),
    encode(0xa0, encodeGeneralizedTime(nextUpdate)),
  ];
  return encode(
    tags.sequence,
    encode(0xa2, encode(tags.octetString, keyIdentifierOf(responder.subjectPublicKey))),
    encodeGeneralizedTime(producedAt),
    encode(
      tags.sequence,
      ...certificates.map(({ id, status }) =>
        encode(tags.sequence, id, encodeStatus(status), ...times),
      ),
    ),
    ...(nonce ? [encode(0xa1, encode(tags.sequence, encodeNonce(nonce)))] : []),
  );
}

/** CertStatus, DER. unspecified is said by saying nothing, as in the CRL (RFC 5280 section 5.3.1). */
export function encodeStatus(status: CertificateStatus): Uint8Array {
  switch (status.kind) {
    case 'good':
      return encode(0x80);
    case 'unknown':
      return encode(0x82);
    case 'revoked': {
      const code = reasonCodes[status.reason];
      const reason = code === 0 ? [] : [encode(0xa0, encode(enumerated, Uint8Array.of(code)))];
      return encode(0xa1, encodeGeneralizedTime(status.at), ...reason);
    }
  }
}

function encodeNonce(nonce: Uint8Array): Uint8Array {
  return encodeExtension(oid['id-pkix-ocsp-nonce'], encode(tags.octetString, nonce));
}

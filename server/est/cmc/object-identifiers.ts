/**
 * Object identifiers of CMC, held as DER (RFC 5272 sections 3.2.1, 4.2.1 and 6, RFC 6402 section 2).
 *
 * Where the sources disagree: identityProofV2 is 34 and popLinkWitnessV2 is 33 in RFC 5272 and in the 1988 module of
 * RFC 6402; the 2008 module of RFC 6402 has the two the other way round.
 */

import { encodeOid } from '../../../ca/der.ts';
import { octetsKey } from '../../../ca/object-identifiers.ts';

/** The last arc of each control under id-cmc, 1.3.6.1.5.5.7.7. */
export const controlArcs = {
  statusInfo: 1,
  identification: 2,
  identityProof: 3,
  dataReturn: 4,
  transactionId: 5,
  senderNonce: 6,
  recipientNonce: 7,
  addExtensions: 8,
  encryptedPOP: 9,
  decryptedPOP: 10,
  lraPOPWitness: 11,
  getCert: 15,
  getCRL: 16,
  revokeRequest: 17,
  regInfo: 18,
  responseInfo: 19,
  queryPending: 21,
  popLinkRandom: 22,
  popLinkWitness: 23,
  confirmCertAcceptance: 24,
  statusInfoV2: 25,
  trustedAnchors: 26,
  authData: 27,
  batchRequests: 28,
  batchResponses: 29,
  publishCert: 30,
  modCertTemplate: 31,
  controlProcessed: 32,
  popLinkWitnessV2: 33,
  identityProofV2: 34,
  raIdentityWitness: 35,
  responseBody: 37,
} as const;
export type ControlName = keyof typeof controlArcs;

/** The control's object identifier, DER. */
export const controlOid = Object.fromEntries(
  Object.entries(controlArcs).map(([name, arc]) => [name, encodeOid(`1.3.6.1.5.5.7.7.${arc}`)]),
) as Record<ControlName, Uint8Array>;

const controlNames = new Map(
  Object.entries(controlOid).map(([name, der]) => [octetsKey(der), name as ControlName]),
);

/** The name of a control, if it is one of RFC 5272 or RFC 6402. */
export function controlName(der: Uint8Array): ControlName | undefined {
  return controlNames.get(octetsKey(der));
}

/** id-cct-PKIData and id-cct-PKIResponse, DER. */
export const contentTypes = {
  pkiData: encodeOid('1.3.6.1.5.5.7.12.2'),
  pkiResponse: encodeOid('1.3.6.1.5.5.7.12.3'),
} as const;

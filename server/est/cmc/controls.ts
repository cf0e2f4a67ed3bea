/**
 * What the controls of a Full PKI Request say (RFC 5272 section 6), each read strictly and once.
 */

import { type DerElement, tags } from '../../../ca/der.ts';
import { malformed } from '../../../ca/refusal.ts';
import { type BodyPartId, readPath, readReference, readReferences } from './body-part.ts';
import { failureOf } from './cmc-failure.ts';
import type { ControlName } from './object-identifiers.ts';
import type { Control } from './pki-data.ts';
import { type RevokeRequest, readRevokeRequest } from './revoke-request.ts';
import { readWitness, type Witness } from './shared-secret.ts';
import { readStatusInfo } from './status-info.ts';

type Numbered<T> = T & { readonly bodyPartId: BodyPartId };

/** What every answer has to send back (RFC 5272 sections 6.4 and 6.6), also one that refuses the rest. */
export interface Echo {
  /** INTEGER, DER. */
  readonly transactionId?: Uint8Array;
  readonly senderNonce?: Uint8Array;
  readonly dataReturn?: Uint8Array;
}

export interface RequestControls {
  readonly identification?: string;
  readonly identityProof?: Numbered<Witness>;
  readonly popLinkRandom?: Uint8Array;
  readonly decryptedPops: readonly Numbered<DecryptedPop>[];
  readonly revocations: readonly Numbered<RevokeRequest>[];
  readonly queries: readonly Numbered<{ readonly pendToken: Uint8Array }>[];
  readonly confirmations: readonly Numbered<IssuerAndSerialNumber>[];
  /** The messages of a batch, by their bodyPartID in cmsSequence. */
  readonly batch?: Numbered<{ readonly messages: readonly BodyPartId[] }>;
  /** Where a registration authority says that it proved the possession of a key itself. */
  readonly popWitnesses: readonly BodyPartId[];
  /** What a client makes of our last answer. */
  readonly statuses: readonly Numbered<ReturnType<typeof readStatusInfo>>[];
  /** Paths to controls that a registration authority has dealt with. */
  readonly processed: readonly (readonly BodyPartId[])[];
  /** Controls that nobody here knows, or that only an answer can hold. */
  readonly unrecognised: readonly BodyPartId[];
  /** Controls that are known and not offered. */
  readonly unsupported: readonly BodyPartId[];
}

/** RFC 5272 section 6.7. */
export interface DecryptedPop {
  /** The certification request it is for. */
  readonly request: BodyPartId;
  /** AlgorithmIdentifier. */
  readonly algorithm: DerElement;
  readonly proof: Uint8Array;
}

/** RFC 5652 section 10.2.4. */
export interface IssuerAndSerialNumber {
  /** Name, DER. */
  readonly issuer: Uint8Array;
  /** Hexadecimal, as the content octets of the INTEGER stand. */
  readonly serialNumber: string;
}

/** Controls that say nothing in a request (RFC 5272 section 6, RFC 6402 section 2.6). */
const ofAnswers = new Set<ControlName | undefined>([
  undefined,
  'encryptedPOP',
  'responseInfo',
  'trustedAnchors',
  'batchResponses',
  'responseBody',
]);

/**
 * Known and not offered: the first forms of the identity proof, since they are SHA-1; changes of a request by a registration
 * authority, since names and extensions come from registry and profile; repositories; bilateral agreements.
 */
const notOffered = new Set<ControlName | undefined>([
  'identityProof',
  'popLinkWitness',
  'popLinkWitnessV2',
  'addExtensions',
  'modCertTemplate',
  'raIdentityWitness',
  'getCert',
  'getCRL',
  'regInfo',
  'authData',
  'publishCert',
]);

const maxNonce = 256;
const maxTransactionId = 64;
const maxIdentification = 255;

/** @throws CmcFailure */
export function readEcho(controls: readonly Control[]): Echo {
  return {
    ...readSingle(controls, 'transactionId', 'transactionId', readTransactionId),
    ...readSingle(controls, 'senderNonce', 'senderNonce', readNonce),
    ...readSingle(controls, 'dataReturn', 'dataReturn', readOctets),
  };
}

/** @throws CmcFailure on a known control that is malformed or stands twice where once is all */
export function readControls(controls: readonly Control[]): RequestControls {
  const ids = (group: ReadonlySet<ControlName | undefined>) =>
    controls.filter(({ name }) => group.has(name)).map(({ bodyPartId }) => bodyPartId);
  const all = <T extends object>(name: ControlName, read: (value: DerElement) => T) =>
    controls
      .filter((control) => control.name === name)
      .map((control) => ({ ...readValue(control, read), bodyPartId: control.bodyPartId }));
  readSingle(controls, 'recipientNonce', 'recipientNonce', readNonce);
  const proofs = all('identityProofV2', readWitness);
  const batches = all('batchRequests', (value) => ({ messages: readReferences(value) }));
  return {
    ...readSingle(controls, 'identification', 'identification', readIdentification),
    ...readSingle(controls, 'identityProofV2', 'identityProof', () => proofs[0]),
    ...readSingle(controls, 'popLinkRandom', 'popLinkRandom', readOctets),
    ...readSingle(controls, 'batchRequests', 'batch', () => batches[0]),
    decryptedPops: all('decryptedPOP', readDecryptedPop),
    revocations: all('revokeRequest', readRevokeRequest),
    queries: all('queryPending', (value) => ({ pendToken: readOctets(value) })),
    confirmations: all('confirmCertAcceptance', readIssuerAndSerialNumber),
    popWitnesses: ids(new Set(['lraPOPWitness'])),
    statuses: [...all('statusInfo', readStatusInfo), ...all('statusInfoV2', readStatusInfo)],
    processed: all('controlProcessed', readProcessed).flatMap(({ paths }) => paths),
    unrecognised: ids(ofAnswers),
    unsupported: ids(notOffered),
  };
}

/** A control that a message has once or not at all. */
function readSingle<Key extends string, T>(
  controls: readonly Control[],
  name: ControlName,
  key: Key,
  read: (value: DerElement) => T,
): { readonly [K in Key]?: T } {
  const [control, second] = controls.filter((candidate) => candidate.name === name);
  if (second) {
    const twice = malformed(`The CMC message has the control ${name} twice.`);
    throw failureOf(twice, [second.bodyPartId]);
  }
  return (control ? { [key]: readValue(control, read) } : {}) as { readonly [K in Key]?: T };
}

/** Every control that is understood here has exactly one value. */
function readValue<T>(
  { bodyPartId, name, values: [value, second] }: Control,
  read: (value: DerElement) => T,
): T {
  try {
    if (!value || second) throw malformed(`The control ${name} must have exactly one value.`);
    return read(value);
  } catch (error) {
    throw failureOf(error, [bodyPartId]);
  }
}

function readOctets({ tag, content }: DerElement): Uint8Array {
  if (tag !== tags.octetString)
    throw malformed(
      'The value of a control is not the OCTET STRING it must be (RFC 5272 section 6).',
    );
  return content;
}

function readNonce(value: DerElement): Uint8Array {
  const nonce = readOctets(value);
  if (nonce.length === 0 || nonce.length > maxNonce)
    throw malformed(`A nonce must have 1 to ${maxNonce} octets.`);
  return nonce;
}

function readTransactionId({ tag, bytes }: DerElement): Uint8Array {
  if (tag !== tags.integer || bytes.length > maxTransactionId)
    throw malformed('The transactionId is not an INTEGER of sensible size (RFC 5272 section 6.6).');
  return bytes;
}

function readIdentification({ tag, content }: DerElement): string {
  const text = Buffer.from(content).toString('utf8');
  if (tag !== tags.utf8String || text === '' || text.length > maxIdentification)
    throw malformed(
      `The control identification is not a UTF8String of 1 to ${maxIdentification} characters (RFC 5272 section 6.2.3).`,
    );
  return text;
}

function readDecryptedPop({ tag, children }: DerElement): DecryptedPop {
  const [request, algorithm, proof, surplus] = children;
  if (
    tag !== tags.sequence ||
    algorithm?.tag !== tags.sequence ||
    proof?.tag !== tags.octetString ||
    surplus
  )
    throw malformed('A decryptedPOP control is malformed (RFC 5272 section 6.7).');
  return { request: readReference(request), algorithm, proof: proof.content };
}

function readIssuerAndSerialNumber({ tag, children }: DerElement): IssuerAndSerialNumber {
  const [issuer, serial, surplus] = children;
  if (
    tag !== tags.sequence ||
    issuer?.tag !== tags.sequence ||
    serial?.tag !== tags.integer ||
    surplus
  )
    throw malformed('A confirmCertAcceptance control is malformed (RFC 5272 section 6.14).');
  return { issuer: issuer.bytes, serialNumber: Buffer.from(serial.content).toString('hex') };
}

/** ControlsProcessed (RFC 5272 section 6.19). */
function readProcessed({ tag, children }: DerElement): { paths: BodyPartId[][] } {
  const [list, surplus] = children;
  if (tag !== tags.sequence || list?.tag !== tags.sequence || surplus)
    throw malformed('A controlProcessed control is malformed (RFC 5272 section 6.19).');
  return { paths: list.children.map(readPath) };
}

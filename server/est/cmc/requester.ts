/**
 * Who sends a Full PKI Request: by the signature of the message, by a shared secret, and by the connection it comes by. All
 * that is there must hold, and be of the same device.
 */

import { type Certificate, CertificateError, readCertificate } from '../../../ca/certificate.ts';
import {
  type CertificateIdentifier,
  identifiesCertificate,
} from '../../../ca/cms/certificate-identifier.ts';
import {
  type SignedData,
  type SignerInfo,
  verifySigner,
} from '../../../ca/cms/read-signed-data.ts';
import { DerError, readDer, sameBytes } from '../../../ca/der.ts';
import { type PublicKey, readPublicKey } from '../../../ca/key-rules.ts';
import { Refusal } from '../../../ca/refusal.ts';
import type { Purpose } from '../../../enrollment/authentication-policy.ts';
import { type Authorized, authorize } from '../../../enrollment/authorize.ts';
import type { Group } from '../../../enrollment/group.ts';
import { isRegistrationAuthority } from '../../../enrollment/is-registration-authority.ts';
import { findIssued } from '../../../enrollment/issuers.ts';
import { unauthenticated } from '../../../enrollment/refusal.ts';
import { relayed } from '../../../enrollment/registration-authority.ts';
import { type Authenticated, authenticate, sourceOf } from '../authenticate.ts';
import type { EstExchange } from '../exchange.ts';
import { failed } from './cmc-failure.ts';
import type { RequestControls } from './controls.ts';
import type { PkiData } from './pki-data.ts';
import { isAcceptedWitness, isWitnessOf } from './shared-secret.ts';

export interface CmcMessage {
  readonly signedData: SignedData;
  readonly data: PkiData;
  readonly controls: RequestControls;
  /** The registration authority whose message this one came in. */
  readonly wrapper?: Authorized<'relay'>;
}

/** A key that a request names by a subjectKeyIdentifier of its own choice, and that may sign the message. */
export interface RequestKey {
  readonly keyIdentifier: Uint8Array;
  readonly publicKey: PublicKey;
}

export interface Requester {
  /** Absent where nobody has shown who they are: then the message can only revoke, by a secret. */
  readonly known?: Authenticated;
  /** A message signed by a device's certificate renews it, or gets another for the same names (RFC 6402 section 2.4). */
  readonly purpose: Purpose;
  /** Present where the message is proven with a shared secret: every request must be linked to it. */
  readonly secret?: string;
  readonly signed: boolean;
}

/**
 * @param requestKeys of the requests in the message; asked for only when no certificate signed it
 * @throws CmcFailure, Refusal
 */
export async function identifyRequester(
  exchange: EstExchange,
  message: CmcMessage,
  requestKeys: () => Promise<readonly RequestKey[]>,
): Promise<Requester> {
  const signer = theSigner(message.signedData);
  const certificate = signer && (await certificateOf(signer.identifier, exchange, message));
  if (signer && certificate) await verify(message, signer, readKeyOf(certificate));
  if (signer && !certificate) await verifySelfSigned(message, signer, requestKeys);
  const byCertificate =
    certificate && (await identifyByCertificate(exchange, message, certificate));
  const bySecret = await identifyBySecret(exchange, message);
  const own = [byCertificate, bySecret?.known].filter((each) => each !== undefined);
  const connection = await identifyByConnection(exchange, message, own.length > 0);
  const known = join(own, connection, exchange.group);
  const renews = byCertificate !== undefined && !isRegistrationAuthority(byCertificate.caller);
  return {
    ...(known ? { known } : {}),
    purpose: renews ? 're-enrollment' : 'enrollment',
    ...(bySecret ? { secret: bySecret.secret } : {}),
    signed: signer !== undefined,
  };
}

function theSigner({ signerInfos: [signer, second] }: SignedData): SignerInfo | undefined {
  if (second) throw failed('malformed-request', 'A CMC message has one signer here.', 'badRequest');
  if (signer && !signer.scheme)
    throw failed(
      'malformed-request',
      'The CMC message is signed with an algorithm that is not accepted; use SHA-256, SHA-384 or SHA-512 with RSA or ECDSA, or Ed25519.',
      'badAlg',
    );
  return signer;
}

const mostCertificates = 16;

/** From the message, or from our records where the message has only its number. */
async function certificateOf(
  identifier: CertificateIdentifier,
  { parts }: EstExchange,
  { signedData }: CmcMessage,
): Promise<Certificate | undefined> {
  const enclosed = signedData.certificates
    .slice(0, mostCertificates)
    .flatMap(readAny)
    .find((certificate) => identifiesCertificate(identifier, certificate));
  if (enclosed || identifier.kind !== 'issuerAndSerialNumber') return enclosed;
  const { issuer, serialNumber } = identifier;
  const certificates = parts.issuers.certificates.filter(({ subject }) =>
    sameBytes(issuer, subject),
  );
  const record = await findIssued({ certificates }, parts.ledger, serialNumber);
  if (!record?.certificate)
    throw failed(
      'unauthenticated',
      'The certificate that signed the CMC message does not come along and is not on record.',
      'badMessageCheck',
    );
  return readCertificate(record.certificate);
}

/** A certificate that cannot be read signs nothing, and others may stand beside it. */
function readAny(der: Uint8Array): Certificate[] {
  try {
    return [readCertificate(der)];
  } catch (error) {
    if (error instanceof DerError || error instanceof CertificateError) return [];
    throw error;
  }
}

function readKeyOf({ subjectPublicKeyInfo }: Certificate): PublicKey {
  return readPublicKey(readDer(subjectPublicKeyInfo));
}

async function verify(
  { signedData }: CmcMessage,
  signer: SignerInfo,
  publicKey: PublicKey,
): Promise<void> {
  if (!(await verifySigner(signedData, signer, publicKey)))
    throw failed(
      'bad-signature',
      'The CMC message is not signed as it says, or was changed on the way (RFC 5272 section 3.2.1.3.4).',
      'badMessageCheck',
    );
}

/** RFC 5272 section 3.2: by the key of a request, which the SignerInfo names by the request's subjectKeyIdentifier. */
async function verifySelfSigned(
  message: CmcMessage,
  signer: SignerInfo,
  requestKeys: () => Promise<readonly RequestKey[]>,
): Promise<void> {
  const { identifier } = signer;
  const key =
    identifier.kind === 'subjectKeyIdentifier'
      ? (await requestKeys()).find(({ keyIdentifier }) =>
          sameBytes(keyIdentifier, identifier.keyIdentifier),
        )
      : undefined;
  if (!key)
    throw failed(
      'bad-signature',
      'The CMC message is signed by no certificate and by no key of its requests: the key that signs must be named by the subjectKeyIdentifier extension of its request (RFC 5272 section 3.2).',
      'badMessageCheck',
    );
  await verify(message, signer, key.publicKey);
}

async function identifyByCertificate(
  { parts, group }: EstExchange,
  { wrapper }: CmcMessage,
  { der }: Certificate,
): Promise<Authenticated> {
  const own = await parts.authenticators.certificate.identify({
    certificate: der,
    ...(group ? { group } : {}),
  });
  return { caller: relayed(own, wrapper), shown: { certificate: true, passwords: [] } };
}

/** RFC 5272 section 6.2: the identification is what the secret is found by, so it must be there. */
async function identifyBySecret(
  { request, parts, group, requestId }: EstExchange,
  { data, controls, wrapper }: CmcMessage,
): Promise<{ known: Authenticated; secret: string } | undefined> {
  const { identityProof: proof, identification } = controls;
  if (!proof) return undefined;
  if (identification === undefined)
    throw failed(
      'malformed-request',
      'An identity proof needs the control identification with the device id or the id of the one-time password (RFC 5272 section 6.2.3).',
      'badIdentity',
      [proof.bodyPartId],
    );
  if (!isAcceptedWitness(proof))
    throw failed(
      'malformed-request',
      'The identity proof uses an algorithm that is not accepted; use SHA-256, SHA-384 or SHA-512 and HMAC with it.',
      'badAlg',
      [proof.bodyPartId],
    );
  const sender = {
    userName: identification,
    source: sourceOf(request),
    requestId,
    ...(group ? { group: group.label } : {}),
  };
  const { caller, secret } = await parts.authenticators.sharedSecret.identify({
    ...sender,
    isProofOf: (password) =>
      isWitnessOf(proof, `${password}${identification}`, data.requestSequence),
  });
  const passwords = [{ carrier: 'identityProof' } as const];
  const shown = { certificate: false, passwords };
  return { known: { caller: relayed(caller, wrapper), shown, sender }, secret };
}

/**
 * The connection is that of the registration authority for what it wraps. A message that says itself who sends it may come
 * with a client certificate that has run out.
 */
async function identifyByConnection(
  { request, parts, group, requestId }: EstExchange,
  { wrapper }: CmcMessage,
  identified: boolean,
): Promise<Authenticated | undefined> {
  if (wrapper) return undefined;
  try {
    const context = { requestId, factory: true, ...(group ? { group } : {}) };
    return await authenticate(request, parts.authenticators, context);
  } catch (error) {
    const byCertificate = request.headers.authorization === undefined;
    if (error instanceof Refusal && identified && byCertificate) return undefined;
    throw error;
  }
}

/** @throws Refusal unauthenticated when they are not one device */
function join(
  own: readonly Authenticated[],
  connection: Authenticated | undefined,
  called: Group | undefined,
): Authenticated | undefined {
  const [first] = own;
  if (!first) return connection;
  if (connection && isOther(connection, first) && isRegistrationAuthority(connection.caller)) {
    const { caller, ...rest } = joinOne(own);
    const relay = authorize({ operation: 'relay', caller: connection.caller, called });
    return { ...rest, caller: relayed(caller, relay) };
  }
  return joinOne(connection ? [...own, connection] : own);
}

function isOther({ caller }: Authenticated, than: Authenticated): boolean {
  return caller.device.id !== than.caller.device.id;
}

/** A password is the credential that is spent; a certificate stands beside it. */
function joinOne(all: readonly Authenticated[]): Authenticated {
  const byPassword = all.filter(({ caller }) => caller.credential.kind === 'one-time-password');
  const [main] = [...byPassword, ...all];
  if (!main) throw new TypeError('Nobody is to be joined with nobody.');
  const other = all.find((each) => isOther(each, main));
  if (other)
    throw unauthenticated(
      `The CMC message and its connection are of the devices ${main.caller.device.id} and ${other.caller.device.id}.`,
    );
  if (byPassword.some(({ caller }) => caller.credential.id !== main.caller.credential.id))
    throw unauthenticated('The CMC message and its connection have different one-time passwords.');
  const certificate = all.find(({ caller }) => caller.certificate)?.caller.certificate;
  return {
    ...main,
    caller: { ...main.caller, ...(certificate ? { certificate } : {}) },
    shown: {
      certificate: all.some(({ shown }) => shown.certificate),
      passwords: all.flatMap(({ shown }) => shown.passwords),
    },
  };
}

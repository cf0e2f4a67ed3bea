/**
 * SIGNED{} of X.509: sign, verify, assemble. Nothing signed leaves this file unverified.
 */

import { createPublicKey, type KeyObject } from 'node:crypto';
import { signatureAlgorithmIdentifier } from './compose-certificate.ts';
import { encode, encodeBitString, tags } from './der.ts';
import { type Signer, signatureHashOf } from './signer.ts';
import { verifySignature } from './verify-signature.ts';

/** The HSM returned octets that are not a signature by the CA's key: a fault to be looked into at once. */
export class SignatureFault extends Error {
  override readonly name = 'SignatureFault';
}

const publicKeys = new WeakMap<Signer, KeyObject>();

function publicKeyOf(signer: Signer): KeyObject {
  let key = publicKeys.get(signer);
  if (!key) {
    key = createPublicKey({ key: Buffer.from(signer.publicKey), format: 'der', type: 'spki' });
    publicKeys.set(signer, key);
  }
  return key;
}

/**
 * Signs octets and verifies the signature with the signer's public key.
 * @returns the signature, as Signer.sign does
 * @throws SignerUnavailable, SignatureFault
 */
export async function signOctets(toBeSigned: Uint8Array, signer: Signer): Promise<Uint8Array> {
  const signature = await signer.sign(toBeSigned);
  const { algorithm } = signer;
  const how = {
    hash: signatureHashOf[algorithm],
    key: publicKeyOf(signer),
    slow: algorithm === 'ecdsa-with-SHA384' || algorithm === 'ecdsa-with-SHA512',
    pss: algorithm === 'RSASSA-PSS-SHA256',
  };
  if (!(await verifySignature(how, toBeSigned, signature)))
    throw new SignatureFault(
      'The signature does not verify with the CA public key; it is discarded.',
    );
  return signature;
}

/**
 * Signs to-be-signed octets and verifies the signature with the signer's public key.
 * @returns SEQUENCE { toBeSigned, algorithm, BIT STRING }, DER
 * @throws SignerUnavailable, SignatureFault
 */
export async function signStructure(toBeSigned: Uint8Array, signer: Signer): Promise<Uint8Array> {
  const signature = await signOctets(toBeSigned, signer);
  return encode(
    tags.sequence,
    toBeSigned,
    signatureAlgorithmIdentifier(signer.algorithm),
    encodeBitString(signature),
  );
}

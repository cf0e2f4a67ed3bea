/**
 * A private key in the form in which it goes to its device (RFC 7030 section 4.4.2).
 */

import type { CaCertificate } from '../ca/ca-chain.ts';
import {
  checkOneAsymmetricKey,
  encodeAsymmetricKeyPackage,
} from '../ca/cms/asymmetric-key-package.ts';
import { envelopData } from '../ca/cms/enveloped-data.ts';
import { makeSignedData } from '../ca/cms/signed-data.ts';
import { oid } from '../ca/object-identifiers.ts';
import type { Signer } from '../ca/signer.ts';
import type { DeliveredKey } from './delivered-answers.ts';
import type { GeneratedKey } from './key-generator.ts';
import type { KeyProtection } from './key-protection.ts';

/** The party that made the key, as its signature says. */
export interface KeyPackager {
  readonly signer: Signer;
  /** DER. */
  readonly certificate: Uint8Array;
}

interface Parts {
  readonly cmcSigner?: KeyPackager;
  readonly authority: { readonly issuer: CaCertificate };
}

/**
 * Packs a key and overwrites what it was given of it.
 * @throws SignerUnavailable, SignatureFault, AsymmetricKeyError
 */
export async function packKey(
  { privateKeyInfo, subjectPublicKeyInfo: publicKey }: GeneratedKey,
  protection: KeyProtection,
  parts: Parts,
): Promise<DeliveredKey> {
  try {
    checkOneAsymmetricKey(privateKeyInfo);
    return protection.kind === 'tls-alone'
      ? { form: 'pkcs8', der: Uint8Array.from(privateKeyInfo), publicKey }
      : { form: 'enveloped', der: await envelop(privateKeyInfo, protection, parts), publicKey };
  } finally {
    privateKeyInfo.fill(0);
  }
}

/** EnvelopedData around SignedData around AsymmetricKeyPackage (RFC 5958 section 4). */
async function envelop(
  privateKeyInfo: Uint8Array,
  { recipient, algorithms }: Extract<KeyProtection, { kind: 'enveloped' }>,
  { cmcSigner, authority }: Parts,
): Promise<Uint8Array> {
  if (!cmcSigner) throw new Error('There is nobody to sign the package.');
  const content = encodeAsymmetricKeyPackage(privateKeyInfo);
  const contentType = oid['id-ct-KP-aKeyPackage'];
  const certificates = [authority.issuer.der];
  const data = { contentType, content, ...cmcSigner, certificates, signingTime: new Date() };
  let signed: Uint8Array | undefined;
  try {
    signed = await makeSignedData(data);
    return await envelopData({
      contentType: oid['id-signedData'],
      content: signed,
      recipient,
      algorithms,
    });
  } finally {
    content.fill(0);
    signed?.fill(0);
  }
}

import type { CaCertificate } from '../ca/ca-chain.ts';
import { type CaKeyType, caKeyTypes, signatureAlgorithmOf } from '../ca/signer.ts';

const curveNames: Readonly<Record<string, CaKeyType>> = { prime256v1: 'P-256', secp384r1: 'P-384' };

type KeyCertificate = Pick<CaCertificate, 'x509' | 'subjectPublicKeyInfo'>;

/** The kind of key in the certificate of one of the CA's own keys. @throws Error */
export function caKeyTypeOf({ x509 }: KeyCertificate): CaKeyType {
  const { asymmetricKeyType, asymmetricKeyDetails: details } = x509.publicKey;
  const type =
    asymmetricKeyType === 'rsa'
      ? caKeyTypes.find((known) => known === `RSA-${details?.modulusLength}`)
      : curveNames[details?.namedCurve ?? ''];
  if (!type) throw new Error('The CA certificate has a key of a kind that is not supported.');
  return type;
}

/** What a signer for this certificate has to be: its public key and the algorithm it signs with. @throws Error */
export function caKeyOf(certificate: KeyCertificate) {
  const { subjectPublicKeyInfo: publicKey } = certificate;
  return { publicKey, algorithm: signatureAlgorithmOf[caKeyTypeOf(certificate)] };
}

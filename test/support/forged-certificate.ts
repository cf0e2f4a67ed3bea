/**
 * Certificates put together octet by octet, well-formed unless a test says otherwise (RFC 5280 section 4.1), and then signed.
 */

import { encode, encodeBitString, encodeTime, tags } from '../../ca/der.ts';
import type { Signer } from '../../ca/signer.ts';
import { algorithms, commonName, keyPairs, sequence, spkiOf } from './forged-request.ts';
import { SoftwareSigner } from './software-signer.ts';

export interface CertificateParts {
  /** null leaves it out. */
  readonly version?: Uint8Array | null;
  readonly issuer?: Uint8Array;
  readonly subject?: Uint8Array;
  readonly notBefore?: Uint8Array;
  readonly notAfter?: Uint8Array;
  readonly publicKey?: Uint8Array;
  readonly innerAlgorithm?: Uint8Array;
  readonly outerAlgorithm?: Uint8Array;
  /** Each DER. */
  readonly extensions?: readonly Uint8Array[];
  readonly signer?: Pick<Signer, 'sign'>;
}

const anySigner = new SoftwareSigner('P-256');
const hour = 3_600_000;

/** One certificate, DER, signed with ECDSA and SHA-256. */
export async function forgeCertificate(parts: CertificateParts = {}): Promise<Uint8Array> {
  const { version = encode(0xa0, encode(tags.integer, Uint8Array.of(2))) } = parts;
  const algorithm = algorithms['P-256'];
  const toBeSigned = sequence(
    ...(version ? [version] : []),
    encode(tags.integer, Uint8Array.of(1, 2, 3)),
    parts.innerAlgorithm ?? algorithm,
    parts.issuer ?? commonName('issuer'),
    sequence(
      parts.notBefore ?? encodeTime(new Date(Date.now() - hour)),
      parts.notAfter ?? encodeTime(new Date(Date.now() + hour)),
    ),
    parts.subject ?? commonName('device-1'),
    parts.publicKey ?? spkiOf(keyPairs['P-256'].publicKey),
    encode(0xa3, sequence(...(parts.extensions ?? []))),
  );
  const signature = await (parts.signer ?? anySigner).sign(toBeSigned);
  return sequence(toBeSigned, parts.outerAlgorithm ?? algorithm, encodeBitString(signature));
}

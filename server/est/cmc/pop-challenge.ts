/**
 * Proof of possession by decryption (RFC 5272 section 6.7), for keys that do not sign. The server keeps no state: the value
 * to decrypt is computed from the request, who asks and the time, under a key that only the server has. So a challenge ends
 * by itself, serves nobody else and no other request, and a proof that is repeated repeats the same request.
 */

import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { CertificateIdentifier } from '../../../ca/cms/certificate-identifier.ts';
import { digestAlgorithmIdentifier } from '../../../ca/cms/digest-algorithm.ts';
import type { EnvelopeAlgorithms } from '../../../ca/cms/envelope-algorithms.ts';
import { envelopData } from '../../../ca/cms/enveloped-data.ts';
import { type RecipientKeyKind, readRecipientKey } from '../../../ca/cms/recipient-key.ts';
import { encode, tags } from '../../../ca/der.ts';
import { octetsKey, oid } from '../../../ca/object-identifiers.ts';
import { deriveKey } from '../../../enrollment/sealed-secret.ts';
import { encodeInteger } from './body-part.ts';
import type { DecryptedPop } from './controls.ts';
import type { CmcRequest } from './read-requests.ts';
import { macOid, readMacAlgorithm } from './shared-secret.ts';
import { keyIdentifierIn } from './subject-key-identifier.ts';

/** A challenge holds in the window of time it was made in, and in the next: five to ten minutes. */
const windowSeconds = 300;

const popAlgorithm = encode(tags.sequence, macOid.sha256);

/** What encrypts for each kind of key; whoever asks for a certificate has said nothing of what else it can. */
const algorithms: Record<RecipientKeyKind, EnvelopeAlgorithms> = {
  RSA: { keyManagement: { technique: 'ktri' }, content: 256 },
  'P-256': agreement('dhSinglePass-stdDH-sha256kdf-scheme'),
  'P-384': agreement('dhSinglePass-stdDH-sha384kdf-scheme'),
  'P-521': agreement('dhSinglePass-stdDH-sha512kdf-scheme'),
  X25519: agreement('dhSinglePass-stdDH-hkdf-sha256-scheme'),
};

type AgreementScheme = Extract<
  EnvelopeAlgorithms['keyManagement'],
  { technique: 'kari' }
>['scheme'];

function agreement(scheme: AgreementScheme): EnvelopeAlgorithms {
  return { keyManagement: { technique: 'kari', scheme, wrap: 256 }, content: 256 };
}

export class PopChallenges {
  readonly #key: Uint8Array;

  constructor(pepper: Uint8Array) {
    this.#key = deriveKey(pepper, 'cmc/pop-challenge');
  }

  /**
   * @param identity of the one who asks: device and credential
   * @returns EncryptedPOP, DER
   * @throws Refusal unsupported-key when the key cannot decrypt
   */
  async make(request: CmcRequest, identity: string, now: Date): Promise<Uint8Array> {
    const { publicKey } = request.request;
    const key = readRecipientKey(publicKey.subjectPublicKeyInfo);
    const value = this.#valueOf(request, identity, windowOf(now));
    const enveloped = await envelopData({
      contentType: oid['id-data'],
      content: value,
      recipient: { kind: 'public-key', identifier: identifierOf(request), key },
      algorithms: algorithms[key.kind],
    });
    return encode(
      tags.sequence,
      request.tagged.bytes,
      enveloped,
      popAlgorithm,
      digestAlgorithmIdentifier('sha256'),
      encode(tags.octetString, hash('sha256', value, 'buffer')),
    );
  }

  /** Whether it answers a challenge for this request by the same one, in time; compares in constant time. */
  isAnswer(
    { algorithm, proof }: DecryptedPop,
    request: CmcRequest,
    identity: string,
    now: Date,
  ): boolean {
    if (readMacAlgorithm(algorithm) !== 'sha256') return false;
    const window = windowOf(now);
    return [window, window - 1].some((made) => {
      const value = this.#valueOf(request, identity, made);
      const expected = createHmac('sha256', value).update(request.tagged.bytes).digest();
      return proof.length === expected.length && timingSafeEqual(proof, expected);
    });
  }

  #valueOf({ tagged }: CmcRequest, identity: string, window: number): Buffer {
    return createHmac('sha256', this.#key)
      .update(`${window}\n${identity}\n`)
      .update(tagged.bytes)
      .digest();
  }
}

function windowOf(now: Date): number {
  return Math.floor(now.getTime() / 1000 / windowSeconds);
}

const noName = encode(tags.sequence);

/** By its subjectKeyIdentifier, or as the certificate of nobody whose number is the bodyPartID (RFC 5272 section 6.7). */
function identifierOf({ request, tagged }: CmcRequest): CertificateIdentifier {
  const keyIdentifier = keyIdentifierIn(request);
  if (keyIdentifier) return { kind: 'subjectKeyIdentifier', keyIdentifier };
  const [, , ...number] = encodeInteger(tagged.bodyPartId);
  return {
    kind: 'issuerAndSerialNumber',
    issuer: noName,
    serialNumber: octetsKey(Uint8Array.from(number)),
  };
}

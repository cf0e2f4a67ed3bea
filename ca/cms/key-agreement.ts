/**
 * Ephemeral-static Diffie-Hellman with a recipient's key: what both sides derive, and what the recipient has to be told.
 */

import {
  diffieHellman,
  generateKeyPair,
  hash,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { promisify } from 'node:util';
import { encode, readDer, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import { Refusal } from '../refusal.ts';
import { type KeyAgreementScheme, keyAgreementSchemes } from './envelope-algorithms.ts';
import type { AesBits, RecipientKey } from './recipient-key.ts';

export interface AgreedKey {
  /** The key-encryption key; who is done with it overwrites it. */
  readonly key: Buffer;
  /** OriginatorPublicKey under its tag in OriginatorIdentifierOrKey (RFC 5652 section 6.2.2). */
  readonly originatorKey: Uint8Array;
  /** User keying material, where the derivation takes some. */
  readonly ukm?: Uint8Array;
}

const ukmLength = 32;
const generate = promisify(generateKeyPair);

/** Agrees on a key for AES key wrap of `wrap` bits with a fresh key of ours on the recipient's curve. */
export async function agreeOnKey(
  { kind, key }: RecipientKey,
  scheme: KeyAgreementScheme,
  wrap: AesBits,
): Promise<AgreedKey> {
  const ephemeral =
    kind === 'X25519' ? await generate('x25519') : await generate('ec', { namedCurve: kind });
  const secret = await agree(ephemeral.privateKey, key);
  const { kdf, digest } = keyAgreementSchemes[scheme];
  // RFC 5753 section 3.1.1 wants user keying material; with HKDF nothing has to add to a key that is fresh.
  const ukm = kdf === 'X9.63' ? randomBytes(ukmLength) : undefined;
  const info = sharedInfo(wrap, ukm);
  try {
    return {
      key:
        kdf === 'X9.63'
          ? x963(digest, secret, info, wrap / 8)
          : Buffer.from(hkdfSync(digest, secret, '', info, wrap / 8)),
      originatorKey: originatorKey(ephemeral.publicKey),
      ...(ukm ? { ukm } : {}),
    };
  } finally {
    secret.fill(0);
  }
}

/**
 * In the thread pool: on the larger curves it takes milliseconds.
 * @throws Refusal unsupported-key: OpenSSL agrees on nothing with a point of small order (RFC 7748 section 6.1)
 */
function agree(privateKey: KeyObject, publicKey: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    diffieHellman({ privateKey, publicKey }, (cause, secret) => {
      if (!cause) return resolve(secret);
      const reason = 'No key can be agreed on with this public key.';
      return reject(new Refusal('unsupported-key', reason, { cause }));
    });
  });
}

/** ECC-CMS-SharedInfo (RFC 5753 section 7.2). */
function sharedInfo(wrap: AesBits, ukm: Uint8Array | undefined): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(wrap);
  return encode(
    tags.sequence,
    encode(tags.sequence, oid[`id-aes${wrap}-wrap`]),
    ...(ukm ? [encode(0xa0, encode(tags.octetString, ukm))] : []),
    encode(0xa2, encode(tags.octetString, length)),
  );
}

/** The key derivation of ANSI X9.63 (SEC 1 section 3.6.1). */
function x963(digest: string, secret: Uint8Array, info: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = [];
  const counter = Buffer.alloc(4);
  for (let filled = 0; filled < length; ) {
    counter.writeUInt32BE(blocks.length + 1);
    const block = hash(digest, Buffer.concat([secret, counter, info]), 'buffer');
    blocks.push(block);
    filled += block.length;
  }
  return Buffer.concat(blocks).subarray(0, length);
}

/** [1] IMPLICIT OriginatorPublicKey, which has the form of a SubjectPublicKeyInfo. */
function originatorKey(publicKey: KeyObject): Uint8Array {
  const { children } = readDer(publicKey.export({ type: 'spki', format: 'der' }));
  return encode(0xa1, ...children.map(({ bytes }) => bytes));
}

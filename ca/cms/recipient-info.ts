/**
 * RecipientInfo: the content key, on its way to one recipient (RFC 5652 section 6.2).
 */

import { constants, createCipheriv, publicEncrypt } from 'node:crypto';
import { encode, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import {
  type CertificateIdentifier,
  encodeCertificateIdentifier,
} from './certificate-identifier.ts';
import { type KeyManagement, oaepParameters } from './envelope-algorithms.ts';
import { agreeOnKey } from './key-agreement.ts';
import type { AesBits, Recipient, RecipientKey } from './recipient-key.ts';

export interface RecipientInfo {
  readonly version: 0 | 2 | 3 | 4;
  readonly der: Uint8Array;
}

/** The context tags of the CHOICE; ktri has none. */
const kariTag = 0xa1;
const kekriTag = 0xa2;

/** @throws Error when the algorithms were chosen for another kind of recipient */
export async function makeRecipientInfo(
  recipient: Recipient,
  keyManagement: KeyManagement,
  contentKey: Uint8Array,
): Promise<RecipientInfo> {
  if (recipient.kind === 'shared-key') {
    if (keyManagement.technique !== 'kekri') throw new Error('These algorithms need a public key.');
    return wrapUnderSharedKey(recipient, keyManagement.wrap, contentKey);
  }
  const { identifier, key } = recipient;
  switch (keyManagement.technique) {
    case 'ktri':
      return transport(identifier, key, contentKey);
    case 'kari':
      return agree(identifier, key, keyManagement, contentKey);
    case 'kekri':
      throw new Error('These algorithms need a shared key.');
  }
}

function versioned(version: RecipientInfo['version'], tag: number, ...parts: Uint8Array[]) {
  const der = encode(tag, encode(tags.integer, Uint8Array.of(version)), ...parts);
  return { version, der };
}

/** KEKRecipientInfo (section 6.2.3). */
function wrapUnderSharedKey(
  { keyIdentifier, key }: { keyIdentifier: Uint8Array; key: Uint8Array },
  wrap: AesBits,
  contentKey: Uint8Array,
): RecipientInfo {
  return versioned(
    4,
    kekriTag,
    encode(tags.sequence, encode(tags.octetString, keyIdentifier)),
    encode(tags.sequence, oid[`id-aes${wrap}-wrap`]),
    encode(tags.octetString, wrapKey(wrap, key, contentKey)),
  );
}

/** KeyTransRecipientInfo (section 6.2.1) with RSAES-OAEP (RFC 3560). */
function transport(
  identifier: CertificateIdentifier,
  { key }: RecipientKey,
  contentKey: Uint8Array,
): RecipientInfo {
  const encryptedKey = publicEncrypt(
    { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
    contentKey,
  );
  return versioned(
    identifier.kind === 'issuerAndSerialNumber' ? 0 : 2,
    tags.sequence,
    encodeCertificateIdentifier(identifier),
    encode(tags.sequence, oid['id-RSAES-OAEP'], oaepParameters),
    encode(tags.octetString, encryptedKey),
  );
}

/** KeyAgreeRecipientInfo (section 6.2.2) with an ephemeral key of ours (RFC 5753 section 3.1, RFC 8418 section 3). */
async function agree(
  identifier: CertificateIdentifier,
  key: RecipientKey,
  { scheme, wrap }: Extract<KeyManagement, { technique: 'kari' }>,
  contentKey: Uint8Array,
): Promise<RecipientInfo> {
  const agreed = await agreeOnKey(key, scheme, wrap);
  try {
    return versioned(
      3,
      kariTag,
      encode(0xa0, agreed.originatorKey),
      ...(agreed.ukm ? [encode(0xa1, encode(tags.octetString, agreed.ukm))] : []),
      encode(tags.sequence, oid[scheme], encode(tags.sequence, oid[`id-aes${wrap}-wrap`])),
      encode(
        tags.sequence,
        encode(
          tags.sequence,
          keyAgreeIdentifier(identifier),
          encode(tags.octetString, wrapKey(wrap, agreed.key, contentKey)),
        ),
      ),
    );
  } finally {
    agreed.key.fill(0);
  }
}

/** KeyAgreeRecipientIdentifier: the key identifier stands in a RecipientKeyIdentifier of its own. */
function keyAgreeIdentifier(identifier: CertificateIdentifier): Uint8Array {
  return identifier.kind === 'issuerAndSerialNumber'
    ? encodeCertificateIdentifier(identifier)
    : encode(0xa0, encode(tags.octetString, identifier.keyIdentifier));
}

/** The initial value of AES key wrap, which the recipient checks (RFC 3394 section 2.2.3.1). */
const initialValue = Buffer.alloc(8, 0xa6);

/** AES key wrap (RFC 3394). */
function wrapKey(bits: AesBits, key: Uint8Array, contentKey: Uint8Array): Uint8Array {
  const cipher = createCipheriv(`id-aes${bits}-wrap`, key, initialValue);
  return Buffer.concat([cipher.update(contentKey), cipher.final()]);
}

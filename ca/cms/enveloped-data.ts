/**
 * EnvelopedData of our own, for one recipient (RFC 5652 section 6).
 */

import { createCipheriv, randomBytes } from 'node:crypto';
import { encode, tags } from '../der.ts';
import { oid } from '../object-identifiers.ts';
import type { EnvelopeAlgorithms } from './envelope-algorithms.ts';
import { makeRecipientInfo } from './recipient-info.ts';
import type { Recipient } from './recipient-key.ts';

export interface DataToEnvelop {
  /** OBJECT IDENTIFIER of the content, DER. */
  readonly contentType: Uint8Array;
  /** The content as its type defines it, without a ContentInfo around it. */
  readonly content: Uint8Array;
  readonly recipient: Recipient;
  /** As chooseAlgorithms chose them for this recipient. */
  readonly algorithms: EnvelopeAlgorithms;
}

const blockLength = 16;

/**
 * Encrypts content under a fresh key, and that key for the recipient.
 * @returns ContentInfo, DER
 */
export async function envelopData(data: DataToEnvelop): Promise<Uint8Array> {
  const { contentType, content, recipient, algorithms } = data;
  const contentKey = randomBytes(algorithms.content / 8);
  try {
    const info = await makeRecipientInfo(recipient, algorithms.keyManagement, contentKey);
    const iv = randomBytes(blockLength);
    const cipher = createCipheriv(`aes-${algorithms.content}-cbc`, contentKey, iv);
    const encryptedContent = Buffer.concat([cipher.update(content), cipher.final()]);
    const envelopedData = encode(
      tags.sequence,
      // RFC 5652 section 6.1: 0 where every recipient info is version 0, otherwise 2.
      encode(tags.integer, Uint8Array.of(info.version === 0 ? 0 : 2)),
      encode(tags.set, info.der),
      encode(
        tags.sequence,
        contentType,
        encode(tags.sequence, oid[`aes${algorithms.content}-CBC`], encode(tags.octetString, iv)),
        encode(0x80, encryptedContent),
      ),
    );
    return encode(tags.sequence, oid['id-envelopedData'], encode(0xa0, envelopedData));
  } finally {
    contentKey.fill(0);
  }
}

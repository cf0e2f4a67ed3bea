import { createHash, sign } from 'node:crypto';
import { type Key, signatureAlgorithm } from './certificate-requests.ts';
import {
  explicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tlv,
} from './der-writer.ts';

const SHA_256 = '2.16.840.1.101.3.4.2.1';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';

export interface MessageContents {
  readonly type: string;
  readonly content: Buffer;
  readonly key: Key;
  /** SignerIdentifier: whole element, and the version of the SignerInfo that belongs to it. */
  readonly signer: Buffer;
  readonly version: 1 | 3;
  readonly certificates?: readonly Buffer[];
  /** Stands in the signed attributes in place of the digest of the content. */
  readonly digest?: Buffer;
  /** Stands in the signed attributes in place of the content type. */
  readonly signedType?: string;
  readonly spoilSignature?: boolean;
}

/** ContentInfo with a SignedData of one signer and signed attributes (RFC 5652 sections 5.1 to 5.4). */
export function signedMessage(contents: MessageContents): Buffer {
  const { type, content, key, signer, version, certificates = [] } = contents;
  const digest = contents.digest ?? createHash('sha256').update(content).digest();
  const attribute = (name: string, value: Buffer) => sequence(objectIdentifier(name), setOf(value));
  const attributes = [
    attribute(CONTENT_TYPE, objectIdentifier(contents.signedType ?? type)),
    attribute(MESSAGE_DIGEST, octetString(digest)),
  ].sort(Buffer.compare);
  const algorithm = sequence(objectIdentifier(SHA_256));
  const signature = sign('sha256', setOf(...attributes), key.privateKey);
  if (contents.spoilSignature) signature.writeUInt8(signature.readUInt8(8) ^ 1, 8);
  const signerInfo = sequence(
    integer(version),
    signer,
    algorithm,
    tlv(0xa0, ...attributes),
    signatureAlgorithm(key),
    octetString(signature),
  );
  const signedData = sequence(
    integer(3),
    setOf(algorithm),
    sequence(objectIdentifier(type), explicit(0, octetString(content))),
    ...(certificates.length > 0 ? [tlv(0xa0, ...certificates)] : []),
    setOf(signerInfo),
  );
  return sequence(objectIdentifier('1.2.840.113549.1.7.2'), explicit(0, signedData));
}

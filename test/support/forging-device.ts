/**
 * A device that puts its requests together octet by octet, with a key of its own: a key belongs to one device.
 */

import { generateKeyPairSync, sign } from 'node:crypto';
import { tags } from '../../ca/der.ts';
import { encodeGeneralNames } from '../../ca/general-names.ts';
import { dotted } from '../../ca/object-identifiers.ts';
import type { Challenges } from '../../ca/request-attributes.ts';
import {
  attribute,
  commonName,
  extension,
  extensionRequest,
  forgeRequest,
  spkiOf,
  text,
} from './forged-request.ts';

export interface Asked {
  /** Name, DER; by default the device's id as common name. */
  readonly subject?: Uint8Array;
  /** Canonical text, such as `DNS:host.example`. */
  readonly names?: readonly string[];
  readonly challenges?: Challenges;
  /** Further attributes, DER. */
  readonly attributes?: readonly Uint8Array[];
}

export class ForgingDevice {
  readonly id: string;
  /** PEM. */
  readonly key: string;
  readonly #pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  constructor(id: string) {
    this.id = id;
    this.key = this.#pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  }

  /** A PKCS#10 request, DER. */
  request(asked: Asked = {}): Uint8Array {
    const { names = [], challenges = {}, attributes = [] } = asked;
    const { publicKey, privateKey } = this.#pair;
    return forgeRequest({
      subject: asked.subject ?? commonName(this.id),
      publicKey: spkiOf(publicKey),
      attributes: [
        ...challengeAttributes(challenges),
        ...(names.length > 0
          ? [extensionRequest(extension(dotted.subjectAltName, encodeGeneralNames(names)))]
          : []),
        ...attributes,
      ],
      sign: (info) => sign('sha256', info, privateKey),
    });
  }
}

function challengeAttributes(challenges: Challenges): Uint8Array[] {
  return Object.entries(challenges).map(([type, value]) =>
    attribute(dotted[type as keyof Challenges], text(tags.utf8String, value)),
  );
}

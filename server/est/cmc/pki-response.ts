/**
 * PKIResponse, the content of a Full PKI Response (RFC 5272 section 4.2.1).
 */

import { encode, tags } from '../../../ca/der.ts';
import { type BodyPartId, encodeInteger } from './body-part.ts';
import { type ControlName, controlOid } from './object-identifiers.ts';

export interface ResponseControl {
  readonly name: ControlName;
  /** The control's one value, DER. */
  readonly value: Uint8Array;
}

/** An answer to one message of a batch. */
export interface ResponseContent {
  readonly bodyPartId: BodyPartId;
  /** ContentInfo, DER. */
  readonly contentInfo: Uint8Array;
}

/**
 * PKIResponse, DER. The controls are numbered here, since nothing refers to them; no number stands twice.
 */
export function encodePkiResponse(
  controls: readonly ResponseControl[],
  contents: readonly ResponseContent[] = [],
): Uint8Array {
  const taken = new Set(contents.map(({ bodyPartId }) => bodyPartId));
  let last = 0;
  const next = () => {
    do last++;
    while (taken.has(last));
    return last;
  };
  return encode(
    tags.sequence,
    encode(tags.sequence, ...controls.map((control) => encodeControl(next(), control))),
    encode(
      tags.sequence,
      ...contents.map(({ bodyPartId, contentInfo }) =>
        encode(tags.sequence, encodeInteger(bodyPartId), contentInfo),
      ),
    ),
    encode(tags.sequence),
  );
}

/** TaggedAttribute. */
function encodeControl(id: BodyPartId, { name, value }: ResponseControl): Uint8Array {
  return encode(tags.sequence, encodeInteger(id), controlOid[name], encode(tags.set, value));
}

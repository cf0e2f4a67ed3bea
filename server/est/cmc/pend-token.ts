/**
 * pendToken (RFC 5272 sections 6.1.1 and 6.13): a request that waits for approval, sealed and given to who asked. What the
 * message proved of it is not proven again when it is asked for.
 */

import type { Credential, LinkingProof } from '../../../ca/certificate-plan.ts';
import { readDer } from '../../../ca/der.ts';
import { malformed } from '../../../ca/refusal.ts';
import type { ProvenPossession } from '../../../enrollment/policy.ts';
import { SecretSeal } from '../../../enrollment/sealed-secret.ts';
import { readTaggedRequest, type TaggedRequest } from './pki-data.ts';
import type { PendInfo } from './status-info.ts';

export interface PendingRequest {
  readonly tagged: TaggedRequest;
  readonly possession: ProvenPossession;
  readonly linking: LinkingProof;
  /** By what it was asked for: it is asked for again by the same. */
  readonly credential: Credential;
}

export interface OpenedPendToken {
  readonly pending: PendingRequest;
  /** As it was given out: it is given out again unchanged (RFC 5272 section 6.13). */
  readonly pendInfo: PendInfo;
}

const owner = 'pendToken';

export class PendTokens {
  readonly #seal: SecretSeal;

  constructor(pepper: Uint8Array) {
    this.#seal = new SecretSeal(pepper, 'cmc/pend-token');
  }

  /** @param time when to ask */
  make({ tagged, ...rest }: PendingRequest, time: Date): PendInfo {
    const request = Buffer.from(tagged.bytes).toString('base64');
    const content = JSON.stringify({ ...rest, request, time: time.toISOString() });
    return { token: this.#seal.seal(Buffer.from(content), owner), time };
  }

  /** @throws Refusal malformed-request when it is not one of ours */
  open(token: Uint8Array): OpenedPendToken {
    let content: Buffer;
    try {
      content = this.#seal.open(token, owner);
    } catch (cause) {
      throw malformed('The queryPending control does not hold a pendToken of this server.', {
        cause,
      });
    }
    const { request, time, ...rest } = JSON.parse(content.toString());
    const tagged = readTaggedRequest(readDer(Buffer.from(request, 'base64')));
    return { pending: { ...rest, tagged }, pendInfo: { token, time: new Date(time) } };
  }
}

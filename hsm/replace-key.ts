/**
 * Makes a key under a label that another key may have, and destroys that one last.
 */
import { ck, type Handle } from './cryptoki.ts';
import { findPublicHalf } from './find-key.ts';
import type { OpenToken } from './open-token.ts';
import { TokenFault } from './token-fault.ts';

/** More objects of one label than this are no key of ours. */
const mostObjects = 16;

/** Whether anything in the token has that label. */
export function labelIsTaken(token: OpenToken, label: string): boolean {
  return objectsOf(token, label).length > 0;
}

/**
 * Sets the objects of that label aside under another one, runs `make`, and destroys them once it
 * has succeeded; when it fails, destroys what it made and puts them back.
 * @param token opened read-write
 * @param kept public keys (SubjectPublicKeyInfo, DER) whose private halves are not to be lost
 * @throws TokenFault `key` when the label is that of a kept key, or hides which key it is; what
 *   `make` throws
 */
export async function replaceKey<T>(
  token: OpenToken,
  label: string,
  kept: readonly Uint8Array[],
  make: () => Promise<T>,
): Promise<T> {
  const aside = `${label}-replaced`;
  assertReplaceable(token, label, kept);
  if (labelIsTaken(token, label)) {
    // Left over from a run that was cut short.
    assertReplaceable(token, aside, kept);
    destroy(token, aside);
    relabel(token, label, aside);
  }
  let made: T;
  try {
    made = await make();
  } catch (error) {
    destroy(token, label);
    relabel(token, aside, label);
    throw error;
  }
  destroy(token, aside);
  return made;
}

function assertReplaceable(token: OpenToken, label: string, kept: readonly Uint8Array[]): void {
  const template = [
    [ck.CKA_CLASS, ck.CKO_PRIVATE_KEY],
    [ck.CKA_LABEL, label],
  ] as const;
  for (const privateKey of token.cryptoki.findObjects(token.session, template, mostObjects)) {
    const publicHalf = findPublicHalf(token, token.session, privateKey);
    if (publicHalf === undefined) {
      throw new TokenFault(
        'key',
        `the token does not show which key ${label} is; delete it with the token's own tool`,
      );
    }
    if (kept.some((publicKey) => publicHalf.equals(publicKey))) {
      throw new TokenFault('key', `${label} is a key that signs certificates; it is not replaced`);
    }
  }
}

function objectsOf({ cryptoki, session }: OpenToken, label: string): Handle[] {
  return cryptoki.findObjects(session, [[ck.CKA_LABEL, label]], mostObjects);
}

function destroy(token: OpenToken, label: string): void {
  for (const object of objectsOf(token, label)) {
    token.cryptoki.destroyObject(token.session, object);
  }
}

function relabel(token: OpenToken, from: string, to: string): void {
  for (const object of objectsOf(token, from)) {
    token.cryptoki.setAttributes(token.session, object, [[ck.CKA_LABEL, to]]);
  }
}

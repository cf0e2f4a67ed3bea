/**
 * Makes one CRL: reads, encodes, hashes, has it signed, checks and stores it. For a million entries that is work of many
 * seconds, so it is a port: storage/crl-thread.ts runs it in a thread of its own. Only the signature is made elsewhere.
 */

import { createHash, createPublicKey } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CaCertificate } from './ca-chain.ts';
import { checkCrl } from './check-crl.ts';
import { signatureAlgorithmIdentifier } from './compose-certificate.ts';
import { CrlEntries, composeCrl, inSequence, lengthOf } from './crl.ts';
import { wholeCrl } from './crl-partition.ts';
import type { CrlEdition, CrlRecord, CrlScope, CrlStore } from './crl-store.ts';
import { encodeBitString } from './der.ts';
import { requireWellFormedCrl } from './lint/lint-crl.ts';
import { SignatureFault } from './sign-structure.ts';
import { type CaSignatureAlgorithm, type Signer, signatureHashOf } from './signer.ts';
import { verifySignature } from './verify-signature.ts';

/** What the CRL is to be. All of it can be sent to another thread. */
export interface CrlOrder extends CrlScope, CrlEdition {
  readonly issuedBy: Pick<
    CaCertificate,
    'subject' | 'keyIdentifier' | 'subjectPublicKeyInfo' | 'extensions'
  >;
  readonly algorithm: CaSignatureAlgorithm;
  /** Whether the key can sign a digest. */
  readonly signsDigests: boolean;
  /** Certificates that ended at this time or before are left out. */
  readonly endingAfter: Date;
}

/** What is to be signed: whole, or its digest where that is enough. */
export type ToBeSigned = { readonly digest: Uint8Array } | { readonly octets: Uint8Array };
export type Sign = (toBeSigned: ToBeSigned) => Promise<Uint8Array>;

export interface CrlMaker {
  /**
   * @returns undefined when another process issued the CRL of that number
   * @throws SignatureFault, CrlMismatch, what `sign` throws
   * @throws LintFindings when it would not be well-formed; nothing is signed
   */
  make(order: CrlOrder, sign: Sign): Promise<CrlRecord | undefined>;
  /** The newest CRL of a scope. */
  newest(scope: CrlScope): Promise<CrlRecord | undefined>;
}

export function signWith(signer: Signer): Sign {
  return (toBeSigned) => {
    if ('octets' in toBeSigned) return signer.sign(toBeSigned.octets);
    if (!signer.signDigest) throw new TypeError('The key signs no digests.');
    return signer.signDigest(toBeSigned.digest);
  };
}

const pageSize = 1000;

/** Makes CRLs in this thread, a page at a time. */
export class CrlMakerHere implements CrlMaker {
  readonly #store: Pick<CrlStore, 'urls' | 'revoked' | 'add' | 'newest'>;

  constructor(store: Pick<CrlStore, 'urls' | 'revoked' | 'add' | 'newest'>) {
    this.#store = store;
  }

  newest(scope: CrlScope): Promise<CrlRecord | undefined> {
    return this.#store.newest(scope);
  }

  async make(order: CrlOrder, sign: Sign): Promise<CrlRecord | undefined> {
    const { issuer, partition, number, thisUpdate, nextUpdate, revocations, issuedBy } = order;
    const scope = { issuer, partition };
    const statement = {
      number,
      thisUpdate,
      nextUpdate,
      ...(partition === wholeCrl ? {} : { distributionPoint: await this.#store.urls(scope) }),
    };
    const entries = await this.#entries(scope, order.endingAfter);
    const toBeSigned = composeCrl(statement, entries, issuedBy, order.algorithm);
    await requireWellFormedCrl(joined(toBeSigned), issuedBy);
    const der = await signPieces(toBeSigned, order, sign);
    await checkCrl(der, statement, entries.meaning(), issuedBy);
    const crl = { ...scope, number, thisUpdate, nextUpdate, revocations, der };
    return (await this.#store.add(crl)) ? crl : undefined;
  }

  async #entries(scope: CrlScope, endingAfter: Date): Promise<CrlEntries> {
    const entries = new CrlEntries();
    let after = '';
    for (;;) {
      const page = await this.#store.revoked(scope, { after, endingAfter }, pageSize);
      entries.add(page);
      const last = page.at(-1);
      if (!last || page.length < pageSize) return entries;
      after = last.serialNumber;
      await nextTurn();
    }
  }
}

/** SIGNED{} as in sign-structure.ts, but of pieces, and the signature may be over their digest. */
async function signPieces(
  pieces: readonly Uint8Array[],
  { algorithm, signsDigests, issuedBy }: CrlOrder,
  sign: Sign,
): Promise<Uint8Array> {
  const hash = signatureHashOf[algorithm];
  const signature = await sign(
    signsDigests && hash !== null
      ? { digest: await digestOf(hash, pieces) }
      : { octets: joined(pieces) },
  );
  const signed = inSequence(
    ...pieces,
    signatureAlgorithmIdentifier(algorithm),
    encodeBitString(signature),
  );
  const der = joined(signed);
  const start = signed[0]?.length ?? 0;
  const key = createPublicKey({
    key: Buffer.from(issuedBy.subjectPublicKeyInfo),
    format: 'der',
    type: 'spki',
  });
  const verified = await verifySignature(
    { hash, key, slow: true, pss: algorithm === 'RSASSA-PSS-SHA256' },
    der.subarray(start, start + lengthOf(pieces)),
    signature,
  );
  if (!verified)
    throw new SignatureFault(
      'The signature does not verify with the CA public key; it is discarded.',
    );
  return der;
}

/** In an ArrayBuffer of its own, which another thread can take over as it is. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

async function digestOf(algorithm: string, pieces: readonly Uint8Array[]): Promise<Uint8Array> {
  const hash = createHash(algorithm);
  for (const piece of pieces) {
    hash.update(piece);
    await nextTurn();
  }
  return hash.digest();
}

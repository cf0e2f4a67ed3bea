/**
 * The keys that a signer process lends at the moment.
 */
import { openSigners, type SignerLimits } from './open-signers.ts';
import type { OpenToken } from './open-token.ts';
import type { Pkcs11KeyGenerator } from './pkcs11-key-generator.ts';
import type { Pkcs11Signer } from './pkcs11-signer.ts';
import type { Lent } from './serve-signer.ts';
import type { TokenFault } from './token-fault.ts';
import { isSameKey, type TokenKey } from './token-key.ts';

interface LentKey {
  readonly key: TokenKey;
  readonly signer: Pkcs11Signer;
}

export class LentKeys implements Lent {
  readonly generator: Pkcs11KeyGenerator;
  readonly #token: OpenToken;
  readonly #limits: SignerLimits;
  readonly #onFault: (fault: TokenFault) => void;
  #lent: readonly LentKey[] = [];

  /** @param onFault told when only another process can use the token again */
  constructor(
    token: OpenToken,
    limits: SignerLimits,
    generator: Pkcs11KeyGenerator,
    onFault: (fault: TokenFault) => void,
  ) {
    this.#token = token;
    this.#limits = limits;
    this.generator = generator;
    this.#onFault = onFault;
  }

  get signers(): readonly Pkcs11Signer[] {
    return this.#lent.map(({ signer }) => signer);
  }

  /**
   * Lends these keys and no others, or all as before. Those already lent stay as they are, the
   * others have to prove themselves first; what the token does then is no fault of the keys lent
   * before, and whether it still works is for their test signatures to say. One call at a time.
   * @returns the signers that are no longer lent; the caller closes them once nobody uses them
   * @throws as `openSigners` does
   */
  async replace(keys: readonly TokenKey[]): Promise<readonly Pkcs11Signer[]> {
    const isIn = (list: readonly TokenKey[], key: TokenKey): boolean =>
      list.some((other) => isSameKey(other, key));
    const before = this.#lent;
    const lentBefore = before.map(({ key }) => key);
    const added = await this.#open(keys.filter((key) => !isIn(lentBefore, key)));
    this.#lent = [...before.filter(({ key }) => isIn(keys, key)), ...added];
    return before.filter(({ key }) => !isIn(keys, key)).map(({ signer }) => signer);
  }

  async #open(keys: readonly TokenKey[]): Promise<LentKey[]> {
    let proven = false;
    const signers = await openSigners(this.#token, this.#limits, keys, (fault) => {
      if (proven) this.#fail(fault);
    });
    proven = true;
    return keys.flatMap((key, i) => {
      const signer = signers[i];
      return signer ? [{ key, signer }] : [];
    });
  }

  #fail(fault: TokenFault): void {
    for (const signer of this.signers) signer.fail(fault);
    this.#onFault(fault);
  }
}

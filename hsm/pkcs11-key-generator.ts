/**
 * Makes key pairs for devices inside the token, and takes them out of it. They are session objects:
 * nothing of them is ever stored in the token, and the session goes with the key.
 */
import type { KeyKind } from '../ca/key-kinds.ts';
import { oid } from '../ca/object-identifiers.ts';
import { SignerUnavailable } from '../ca/signer.ts';
import { WorkQueue } from '../ca/work-queue.ts';
import { ck, type Handle, type KeyPairHandles, type Template } from './cryptoki.ts';
import { extractPrivateKey } from './extract-private-key.ts';
import type { GeneratedKey } from './generated-key.ts';
import type { OpenToken } from './open-token.ts';
import { Pkcs11Fault, pkcs11Code, pkcs11FaultClass } from './pkcs11-fault.ts';
import { wipe } from './private-key-info.ts';
import { proveGeneratedKey } from './prove-generated-key.ts';
import { keyGenerationsAtOnce } from './token-config.ts';
import { TokenFault } from './token-fault.ts';

export class Pkcs11KeyGenerator {
  readonly #token: OpenToken;
  readonly #onFault: (fault: TokenFault) => void;
  readonly #queue = new WorkQueue({
    work: 'key generation',
    atOnce: keyGenerationsAtOnce,
    waiting: 32,
    patience: 20_000,
  });
  /** True once the token has shown that it makes no private key whose value can be read. */
  #insistsOnSensitive = false;

  /** @param onFault told when only another process can use the token again */
  constructor(token: OpenToken, onFault: (fault: TokenFault) => void) {
    this.#token = token;
    this.#onFault = onFault;
  }

  /**
   * A device or library that fails here is not reported as a fault: whether the token still works
   * is for test signatures to say, and no caller may stop all signing by asking for a key.
   * @throws Unavailable; Pkcs11Fault for a kind of key the token does not make
   */
  generate(kind: KeyKind): Promise<GeneratedKey> {
    return this.#queue.run(() => this.#generateTwice(kind));
  }

  /** When the session turns out to be lost, once more in a new one. */
  async #generateTwice(kind: KeyKind): Promise<GeneratedKey> {
    try {
      return await this.#generate(kind);
    } catch (error) {
      if (pkcs11FaultClass(error) !== 'session') throw this.#asUnavailable(error);
    }
    try {
      this.#token.restoreLogin();
      return await this.#generate(kind);
    } catch (error) {
      throw this.#asUnavailable(error);
    }
  }

  async #generate(kind: KeyKind): Promise<GeneratedKey> {
    const privateKeyInfo = await this.#extract(kind);
    try {
      return await proveGeneratedKey(kind, privateKeyInfo);
    } finally {
      wipe(privateKeyInfo);
    }
  }

  /** Closing the session destroys its objects as well (PKCS#11 v2.40 section 5.6, C_CloseSession). */
  async #extract(kind: KeyKind): Promise<Uint8Array> {
    const { cryptoki } = this.#token;
    const session = this.#token.openSession();
    let privateKeyInfo: Uint8Array | undefined;
    try {
      const pair = await this.#generatePair(session, kind);
      try {
        privateKeyInfo = await extractPrivateKey(cryptoki, session, pair.privateKey, kind);
      } finally {
        cryptoki.destroyObject(session, pair.privateKey);
        cryptoki.destroyObject(session, pair.publicKey);
      }
    } catch (error) {
      if (privateKeyInfo !== undefined) wipe(privateKeyInfo);
      throw error;
    } finally {
      this.#closeSession(session);
    }
    return privateKeyInfo;
  }

  async #generatePair(session: Handle, kind: KeyKind): Promise<KeyPairHandles> {
    if (!this.#insistsOnSensitive) {
      try {
        return await this.#generatePairAs(session, kind, false);
      } catch (error) {
        if (!(error instanceof Pkcs11Fault) || !templateRefusals.has(error.code)) throw error;
      }
    }
    const pair = await this.#generatePairAs(session, kind, true);
    this.#insistsOnSensitive = true;
    return pair;
  }

  #generatePairAs(session: Handle, kind: KeyKind, sensitive: boolean): Promise<KeyPairHandles> {
    const { mechanism, parameters } = keyPairParameters(kind);
    return this.#token.cryptoki.generateKeyPair(
      session,
      mechanism,
      [[ck.CKA_TOKEN, false], [ck.CKA_PRIVATE, false], [ck.CKA_VERIFY, true], ...parameters],
      [
        [ck.CKA_TOKEN, false],
        [ck.CKA_PRIVATE, true],
        [ck.CKA_SENSITIVE, sensitive],
        [ck.CKA_EXTRACTABLE, true],
        [ck.CKA_SIGN, true],
      ],
    );
  }

  #closeSession(session: Handle): void {
    try {
      this.#token.cryptoki.closeSession(session);
    } catch (error) {
      // The key is gone already; whether the token still works is for test signatures to say.
      if (!(error instanceof Pkcs11Fault)) throw error;
    }
  }

  #asUnavailable(error: unknown): unknown {
    if (error instanceof TokenFault) this.#onFault(error);
    else if (!['module', 'session'].includes(pkcs11FaultClass(error))) return error;
    return new SignerUnavailable(`the token made no key: ${(error as Error).message}`, undefined, {
      cause: error,
    });
  }
}

/** What a token returns that does not want CKA_SENSITIVE to be false. */
const templateRefusals = new Set(
  ['CKR_ATTRIBUTE_READ_ONLY', 'CKR_ATTRIBUTE_VALUE_INVALID', 'CKR_TEMPLATE_INCONSISTENT'].map(
    pkcs11Code,
  ),
);

const publicExponent = Buffer.from([1, 0, 1]);

const curveParameters = {
  'P-256': oid.secp256r1,
  'P-384': oid.secp384r1,
  'P-521': oid.secp521r1,
  Ed25519: oid.ed25519,
} as const;

function keyPairParameters(kind: KeyKind): { mechanism: number; parameters: Template } {
  switch (kind) {
    case 'RSA-2048':
    case 'RSA-3072':
    case 'RSA-4096': {
      const parameters = [
        [ck.CKA_MODULUS_BITS, Number(kind.slice('RSA-'.length))],
        [ck.CKA_PUBLIC_EXPONENT, publicExponent],
      ] as const;
      return { mechanism: ck.CKM_RSA_PKCS_KEY_PAIR_GEN, parameters };
    }
    default: {
      const isEdwards = kind === 'Ed25519';
      const curve = Buffer.from(curveParameters[kind]);
      return {
        mechanism: isEdwards ? ck.CKM_EC_EDWARDS_KEY_PAIR_GEN : ck.CKM_EC_KEY_PAIR_GEN,
        parameters: [[ck.CKA_EC_PARAMS, curve]],
      };
    }
  }
}

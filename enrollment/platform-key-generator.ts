import { generateKeyPair, type KeyPairKeyObjectResult } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyKind } from '../ca/key-kinds.ts';
import { WorkQueue } from '../ca/work-queue.ts';
import type { GeneratedKey, KeyGenerator } from './key-generator.ts';

const generate = promisify(generateKeyPair);

/** Makes key pairs by OpenSSL in this process, off the event loop. */
export class PlatformKeyGenerator implements KeyGenerator {
  /** An RSA key keeps a thread busy for seconds, and requests are verified on the same few threads. */
  readonly #queue = new WorkQueue({
    work: 'key generation',
    atOnce: 1,
    waiting: 16,
    patience: 20_000,
  });

  async generate(kind: KeyKind): Promise<GeneratedKey> {
    const { publicKey, privateKey } = await this.#generatePair(kind);
    return {
      subjectPublicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
      privateKeyInfo: privateKey.export({ type: 'pkcs8', format: 'der' }),
    };
  }

  #generatePair(kind: KeyKind): Promise<KeyPairKeyObjectResult> {
    switch (kind) {
      case 'RSA-2048':
      case 'RSA-3072':
      case 'RSA-4096': {
        const modulusLength = Number(kind.slice('RSA-'.length));
        return this.#queue.run(() => generate('rsa', { modulusLength }));
      }
      case 'P-256':
      case 'P-384':
      case 'P-521':
        return generate('ec', { namedCurve: kind });
      case 'Ed25519':
        return generate('ed25519');
    }
  }
}

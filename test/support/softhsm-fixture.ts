/**
 * For tests: a SoftHSM token of its own, with a key, in a directory that goes away afterwards.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CaKeyType, signatureAlgorithmOf } from '../../ca/signer.ts';
import { addSoftHsmToken, createSoftHsmToken } from '../../hsm/create-softhsm-token.ts';
import { type Cryptoki, loadCryptoki } from '../../hsm/cryptoki.ts';
import { generateKey } from '../../hsm/generate-key.ts';
import { openToken } from '../../hsm/open-token.ts';
import type { TokenConfig } from '../../hsm/token-config.ts';
import type { TokenKey } from '../../hsm/token-key.ts';

export interface FixtureToken {
  readonly directory: string;
  readonly config: TokenConfig;
  readonly cryptoki: Cryptoki;
  /** Also the text to look for where no PIN may be. */
  readonly pin: string;
  readonly pinFile: string;
  readonly pinRefused: string;
  /** Adds a key, with a certificate in name only. The library is left finalised. */
  addKey(type: CaKeyType, label?: string): Promise<TokenKey>;
  /** Adds another token to the same SoftHSM, with a PIN and a marker of its own; nothing else is open meanwhile. */
  addToken(
    label: string,
  ): Pick<FixtureToken, 'config' | 'pin' | 'pinFile' | 'pinRefused' | 'addKey'>;
  remove(): void;
}

export function fixtureToken(): FixtureToken {
  const directory = mkdtempSync(join(tmpdir(), 'bestow-hsm-test-'));
  const pin = 'pin-4711-Zx9';
  const pinFile = join(directory, 'pin');
  writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });
  const made = createSoftHsmToken({ directory, label: 'test token', pin });
  const config: TokenConfig = {
    module: made.module,
    token: 'test token',
    pin: { file: pinFile },
    environment: made.environment,
  };
  const cryptoki = loadCryptoki(made.module, made.environment);
  return {
    directory,
    config,
    cryptoki,
    pin,
    pinFile,
    pinRefused: join(directory, 'run', 'pin-refused'),
    addKey: (type, label = 'ca') => addKey(cryptoki, config, type, label),
    addToken(label) {
      const other = { pin: `pin of ${label}`, pinFile: join(directory, `pin ${label}`) };
      writeFileSync(other.pinFile, other.pin, { mode: 0o600 });
      cryptoki.initialize();
      addSoftHsmToken(cryptoki, { label, pin: other.pin }, 'security-officer');
      cryptoki.finalize();
      const otherConfig = { ...config, token: label, pin: { file: other.pinFile } };
      return {
        ...other,
        config: otherConfig,
        pinRefused: join(directory, 'run', `pin-refused-${label}`),
        addKey: (type, keyLabel = 'ca') => addKey(cryptoki, otherConfig, type, keyLabel),
      };
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

async function addKey(
  cryptoki: Cryptoki,
  config: TokenConfig,
  type: CaKeyType,
  label: string,
): Promise<TokenKey> {
  const token = openToken(cryptoki, config, { access: 'read-write' });
  const publicKey = await generateKey(token, label, type).finally(() => token.close());
  const certificate = `${label}.pem`;
  return { label, certificate, publicKey, algorithm: signatureAlgorithmOf[type] };
}

/** The same library with some of its methods replaced. */
export function withFaults(real: Cryptoki, faults: Partial<Cryptoki>): Cryptoki {
  return new Proxy(real, {
    get(target, name: keyof Cryptoki) {
      const fault = faults[name];
      return fault ?? target[name].bind(target);
    },
  });
}

/** The signature with one bit changed. */
export function flipped(signature: Buffer): Buffer {
  const copy = Buffer.from(signature);
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
  return copy;
}

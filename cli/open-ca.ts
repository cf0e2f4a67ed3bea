import type { CaChain } from '../ca/ca-chain.ts';
import type { Signer } from '../ca/signer.ts';
import { relocateSoftHsmToken } from '../hsm/create-softhsm-token.ts';
import { loadCryptoki } from '../hsm/cryptoki.ts';
import { openSigners } from '../hsm/open-signers.ts';
import { type OpenToken, openToken } from '../hsm/open-token.ts';
import { caKeyOf } from '../server/ca-key.ts';
import type { Config } from '../server/config.ts';
import { dataPaths, loadCaChain } from '../server/data-directory.ts';

/** The CA of a data directory, in this process. */
export interface OpenCa {
  readonly chain: CaChain;
  /** Signs with the issuing key. */
  readonly signer: Signer;
  /** Opened read-write. */
  readonly token: OpenToken;
  close(): void;
}

/** Opens the token for a command that makes or uses keys, beside a server that may be running on it. @throws TokenFault */
export async function openCa({ directory, hsm }: Config): Promise<OpenCa> {
  const paths = dataPaths(directory);
  const chain = loadCaChain(directory);
  relocateSoftHsmToken(paths.softHsm, hsm.environment);
  const cryptoki = loadCryptoki(hsm.module, hsm.environment);
  const token = openToken(cryptoki, hsm, { pinRefused: paths.pinRefused, access: 'read-write' });
  const close = () => token.close();
  try {
    const key = { label: hsm.key, certificate: paths.issuing, ...caKeyOf(chain.issuing) };
    const [signer] = await openSigners(token, hsm, [key]);
    if (!signer) throw new RangeError('There must be a signer for the key.');
    return { chain, signer, token, close };
  } catch (error) {
    close();
    throw error;
  }
}

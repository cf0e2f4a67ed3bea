import { renameSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { defaultIssuer } from '../../ca/ca-state.ts';
import { requireActive, type TokenKeyName } from '../../ca/certification-authority.ts';
import { CrlPublisher } from '../../ca/crl-publisher.ts';
import type { CrlRecord } from '../../ca/crl-store.ts';
import type { Signer } from '../../ca/signer.ts';
import { toPem } from '../../server/data-directory.ts';
import { loadCa } from '../certification-authority.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { type OpenCa, openCa } from '../open-ca.ts';
import { print, printJson } from '../print.ts';

export function crlCommand(): Command {
  return withJson(new Command('crl'))
    .description('print the current CRL as PEM; a new one is signed if need be')
    .option('--issuer <name>', 'of this issuer', defaultIssuer)
    .option('--out <file>', 'write it to this file instead, as DER (RFC 2585)')
    .action(show);
}

async function show(
  options: DataOption & { issuer: string; out?: string; json?: true },
): Promise<void> {
  const { number, thisUpdate, nextUpdate, der } = await currentCrl(options);
  if (options.out !== undefined) {
    // Whoever serves the file sees the old CRL or the new one.
    const unfinished = `${options.out}.new`;
    writeFileSync(unfinished, der);
    renameSync(unfinished, options.out);
  }
  const pem = toPem(der, 'X509 CRL');
  if (options.json) printJson({ number, thisUpdate, nextUpdate, pem });
  else if (options.out === undefined) process.stdout.write(pem);
  else print(`CRL ${number}, valid until ${nextUpdate.toISOString()}, is in ${options.out}.`);
}

function currentCrl(options: DataOption & { issuer: string }): Promise<CrlRecord> {
  return withStores(options, async ({ crls: store, caState }, config) => {
    const key = requireActive(await loadCa({ caState }), options.issuer);
    const { issuing: issuer } = key.chain;
    const signer = new SignerWhenNeeded(key, () => openCa(config, { caState }, options.issuer));
    const report = (error: unknown) =>
      process.stderr.write(
        `bestow: no new CRL could be made, this is the last one: ${error instanceof Error ? error.message : error}\n`,
      );
    try {
      const publisher = new CrlPublisher({ issuer, signer, store, ...config.crl, report });
      return await publisher.current();
    } finally {
      signer.close();
    }
  });
}

/** Opens the token for the first signature: most of the time the CRL that is there will do. */
class SignerWhenNeeded implements Signer {
  readonly publicKey: Uint8Array;
  readonly algorithm: Signer['algorithm'];
  readonly available = true;
  readonly #open: () => Promise<OpenCa>;
  #ca: OpenCa | undefined;

  constructor({ publicKey, algorithm }: TokenKeyName, open: () => Promise<OpenCa>) {
    this.#open = open;
    this.publicKey = publicKey;
    this.algorithm = algorithm;
  }

  /** @throws TokenFault, SignerUnavailable */
  async sign(toBeSigned: Uint8Array): Promise<Uint8Array> {
    this.#ca ??= await this.#open();
    return this.#ca.signer.sign(toBeSigned);
  }

  close(): void {
    this.#ca?.close();
  }
}

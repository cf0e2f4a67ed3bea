import { renameSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { CrlPublisher } from '../../ca/crl-publisher.ts';
import type { CrlRecord } from '../../ca/crl-store.ts';
import type { Signer } from '../../ca/signer.ts';
import { caKeyOf } from '../../server/ca-key.ts';
import type { Config } from '../../server/config.ts';
import { loadCaChain, toPem } from '../../server/data-directory.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { type OpenCa, openCa } from '../open-ca.ts';
import { print, printJson } from '../print.ts';

export function crlCommand(): Command {
  return withJson(new Command('crl'))
    .description('print the current CRL as PEM; a new one is signed if need be')
    .option('--out <file>', 'write it to this file instead, as DER (RFC 2585)')
    .action(show);
}

async function show(options: DataOption & { out?: string; json?: true }): Promise<void> {
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

function currentCrl(options: DataOption): Promise<CrlRecord> {
  return withStores(options, async ({ crls: store }, config) => {
    const { issuing: issuer } = loadCaChain(config.directory);
    const signer = new SignerWhenNeeded(config, caKeyOf(issuer));
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
  readonly #config: Config;
  #ca: OpenCa | undefined;

  constructor(config: Config, { publicKey, algorithm }: ReturnType<typeof caKeyOf>) {
    this.#config = config;
    this.publicKey = publicKey;
    this.algorithm = algorithm;
  }

  /** @throws TokenFault, SignerUnavailable */
  async sign(toBeSigned: Uint8Array): Promise<Uint8Array> {
    this.#ca ??= await openCa(this.#config);
    return this.#ca.signer.sign(toBeSigned);
  }

  close(): void {
    this.#ca?.close();
  }
}

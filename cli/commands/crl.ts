import { Command } from 'commander';
import { defaultIssuer } from '../../ca/ca-state.ts';
import { requireActive, type TokenKeyName } from '../../ca/certification-authority.ts';
import { mostPartitions, wholeCrl } from '../../ca/crl-partition.ts';
import { CrlPublisher } from '../../ca/crl-publisher.ts';
import type { ScopeState } from '../../ca/crl-store.ts';
import type { Signer } from '../../ca/signer.ts';
import { writeAtomically } from '../../server/crl-files.ts';
import { toPem } from '../../server/data-directory.ts';
import { statusUrlsOf } from '../../server/status/locations.ts';
import { loadCa } from '../certification-authority.ts';
import { type DataOption, withJson, withStores } from '../data.ts';
import { notFound, usage } from '../exit.ts';
import { type OpenCa, openCa } from '../open-ca.ts';
import { print, printJson, printTable } from '../print.ts';

export function crlCommand(): Command {
  return withJson(new Command('crl'))
    .description('print the current CRL as PEM; a new one is signed if need be')
    .option('--issuer <name>', 'of this issuer', defaultIssuer)
    .option('--partition <number>', 'that of a partition instead of the whole CRL')
    .option('--out <file>', 'write it to this file instead, as DER (RFC 2585)')
    .option('--list', 'list the newest CRLs of all partitions instead, and make none')
    .action(show);
}

interface CrlOptions extends DataOption {
  readonly issuer: string;
  readonly partition?: string;
  readonly out?: string;
  readonly list?: true;
  readonly json?: true;
}

async function show(options: CrlOptions): Promise<void> {
  if (options.list) {
    await list(options);
    return;
  }
  const partition = parsePartition(options.partition);
  const { number, thisUpdate, nextUpdate, der } = await withPublisher(
    options,
    async (publisher) => {
      if (partition !== wholeCrl && !(await publisher.has(partition)))
        throw notFound(`There is no partition ${partition}; --list shows those there are.`);
      return publisher.complete(partition);
    },
  );
  if (options.out !== undefined) await writeAtomically(options.out, der, thisUpdate);
  const pem = toPem(der, 'X509 CRL');
  if (options.json) printJson({ number, thisUpdate, nextUpdate, pem });
  else if (options.out === undefined) process.stdout.write(pem);
  else print(`CRL ${number}, valid until ${nextUpdate.toISOString()}, is in ${options.out}.`);
}

async function list(options: CrlOptions): Promise<void> {
  const states = await withPublisher(options, (publisher) => publisher.states());
  const rows = states.map(rowOf);
  if (options.json) printJson(rows);
  else printTable(rows, 'There is no CRL yet.');
}

function rowOf({ partition, edition, revocations }: ScopeState) {
  return {
    partition: partition === wholeCrl ? 'whole' : partition,
    number: edition?.number,
    thisUpdate: edition?.thisUpdate,
    nextUpdate: edition?.nextUpdate,
    octets: edition?.size,
    /** Revocations, holds and releases that it does not know of. */
    later: revocations - (edition?.revocations ?? 0),
  };
}

function parsePartition(text: string | undefined): number {
  if (text === undefined) return wholeCrl;
  const partition = Number(text);
  if (!/^\d+$/.test(text) || partition < 1 || partition > mostPartitions)
    throw usage(`--partition must be a whole number from 1 to ${mostPartitions}, not "${text}".`);
  return partition;
}

function withPublisher<T>(
  options: CrlOptions,
  work: (publisher: CrlPublisher) => Promise<T>,
): Promise<T> {
  return withStores(options, async ({ crls: store, caState }, config) => {
    const key = requireActive(await loadCa({ caState }), options.issuer);
    const { issuing: issuer } = key.chain;
    const signer = new SignerWhenNeeded(key, () => openCa(config, { caState }, options.issuer));
    const report = (error: unknown) =>
      process.stderr.write(
        `bestow: no new CRL could be made, this is the last one: ${error instanceof Error ? error.message : error}\n`,
      );
    try {
      const url = statusUrlsOf(config.status, issuer.id, { ocsp: false })?.crl;
      const publisher = new CrlPublisher({
        issuer,
        signer,
        store,
        ...config.crl,
        ...(url === undefined ? {} : { url }),
        report,
      });
      return await work(publisher);
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

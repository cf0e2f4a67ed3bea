/**
 * `bestow cert compare` and `bestow cert adopt`: what devices and relying parties hold of ours, and what is on record.
 */

import { Command } from 'commander';
import type { CaCertificate } from '../../ca/ca-chain.ts';
import {
  type Certificate,
  CertificateError,
  extensionOf,
  readCertificate,
} from '../../ca/certificate.ts';
import { ClientCertificateValidator } from '../../ca/client-certificate.ts';
import { DerError, readDer, sameBytes } from '../../ca/der.ts';
import { readName } from '../../ca/distinguished-name.ts';
import { oid } from '../../ca/object-identifiers.ts';
import { readCrls } from '../../ca/read-crl.ts';
import { Refusal } from '../../ca/refusal.ts';
import { authorize, type IssuerOfTenant } from '../../enrollment/authorize.ts';
import { adopt, standingOf, takeOverRevocations } from '../../storage/adoption.ts';
import { openRestoration } from '../../storage/restoration.ts';
import type { OpenStores } from '../../storage/stores.ts';
import type { Transactions } from '../../storage/transactions.ts';
import { loadCa } from '../certification-authority.ts';
import { collect, type DataOption, operator, withJson, withStores } from '../data.ts';
import { CommandError, exitCodes, usage } from '../exit.ts';
import { print, printJson, printTable } from '../print.ts';
import { readObject, readObjects } from '../read-object.ts';

interface AdoptOptions extends DataOption {
  readonly device?: string;
  readonly crl?: string[];
  readonly json?: true;
}

export function compareCommand(): Command {
  return withJson(new Command('compare'))
    .description(
      'say which certificates in files, as devices hold them, are on record; changes nothing',
    )
    .argument('<file...>', 'certificates, PEM or DER')
    .action(compareFiles);
}

export function adoptCommand(): Command {
  return withJson(new Command('adopt'))
    .description(
      'after a restoration: put certificates on record that were issued since, and revocations of a CRL',
    )
    .argument('[file...]', 'certificates, PEM or DER')
    .option('--device <id>', 'the device they belong to; else the one that their common name says')
    .option(
      '--crl <file>',
      'newest CRL that was published, PEM or DER: what it lists is revoked (repeat)',
      collect,
    )
    .action(adoptFiles);
}

/** What one certificate turned out to be, or what became of it. */
interface Row {
  readonly file: string;
  readonly serialNumber?: string;
  readonly device?: string;
  readonly standing: string;
  readonly note?: string;
}

async function compareFiles(files: readonly string[], options: AdoptOptions): Promise<void> {
  const rows = await withLedger(options, async ({ issuers, transactions }) => {
    const compared: Row[] = [];
    for (const [file, der] of certificatesIn(files)) {
      const ours = identify(der, issuers);
      const about = ours.certificate ? aboutOf(file, ours.certificate) : { file };
      compared.push(
        ours.certificate
          ? { ...about, standing: await standingOf(transactions, ours.issuer, ours.certificate) }
          : { file, standing: 'not ours', note: ours.reason },
      );
    }
    return compared;
  });
  show(rows, options);
  if (rows.some(({ standing }) => standing !== 'on record')) process.exitCode = exitCodes.failure;
}

async function adoptFiles(files: readonly string[], options: AdoptOptions): Promise<void> {
  const { crl: crls = [] } = options;
  if (files.length === 0 && crls.length === 0)
    throw usage('Name certificates, or a CRL with --crl.');
  const now = { at: new Date(), by: operator() };
  const rows = await withLedger(options, async (ledger) => {
    const { issuers, transactions } = ledger;
    const published = crls.map((file) => readObject(file, 'X509 CRL'));
    for (const crl of readCrls(published, issuers)) {
      const { entries, revoked, unseen } = await takeOverRevocations(transactions, crl, now);
      if (!options.json)
        print(
          `CRL ${crl.number} lists ${entries}: ${revoked} were not known as revoked, ${unseen} not at all.`,
        );
    }
    const done: Row[] = [];
    for (const [file, der] of certificatesIn(files))
      done.push(await adoptOne(file, der, { ...ledger, ...now, ...options }));
    return done;
  });
  if (files.length > 0 || options.json) show(rows, options);
  if (rows.some(({ standing }) => standing === 'refused' || standing === 'different'))
    throw new CommandError(exitCodes.failure, 'Not all of them could be put on record.');
}

type Adopting = Ledger & { readonly at: Date; readonly by: string; readonly device?: string };

async function adoptOne(file: string, der: Buffer, work: Adopting): Promise<Row> {
  const { transactions, issuers, at, by } = work;
  const ours = identify(der, issuers);
  if (!ours.certificate) return { file, standing: 'refused', note: ours.reason };
  const { certificate, issuer } = ours;
  const about = aboutOf(file, certificate);
  const subscriber = work.device ?? about.device ?? '';
  const profile = profileOf(certificate);
  const objection = await objectionTo(subscriber, { ...work, profile, issuer });
  if (objection) return { ...about, standing: 'refused', note: objection };
  const order = { issuer, certificate, subscriber, profile, at, by };
  const outcome = await adopt(transactions, order);
  if ('refused' in outcome) return { ...about, standing: 'refused', note: outcome.refused };
  return { ...about, device: subscriber, standing: outcome.adopted ? 'adopted' : outcome.standing };
}

/** Why a certificate of that profile and that issuer cannot be the device's. */
async function objectionTo(
  subscriber: string,
  {
    stores,
    owners,
    by,
    profile,
    issuer,
  }: Adopting & { readonly profile: string; readonly issuer: CaCertificate },
): Promise<string | undefined> {
  const known = await stores.devices.find(subscriber);
  if (!known) return `There is no device "${subscriber}": add it, or name another with --device.`;
  const owner = owners.get(issuer.id);
  if (!owner) return 'Its issuer is none of this CA.';
  try {
    authorize({
      operation: 'adopt',
      caller: { ...known, credential: { kind: 'operator', id: by } },
      called: undefined,
      profile: { name: profile },
      issuer: owner,
    });
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

interface Ledger {
  readonly stores: OpenStores;
  readonly transactions: Transactions;
  readonly issuers: readonly CaCertificate[];
  /** Whose each of them is, by its id. */
  readonly owners: ReadonlyMap<string, IssuerOfTenant>;
}

function withLedger<T>(options: DataOption, work: (ledger: Ledger) => Promise<T>): Promise<T> {
  return withStores(options, async (stores, config) => {
    const ca = await loadCa(stores);
    const owned = ca.issuers.flatMap((issuer) =>
      issuer.keys.map(({ chain: { issuing } }) => [issuing, issuer] as const),
    );
    const issuers = owned.map(([issuing]) => issuing);
    const owners = new Map(owned.map(([{ id }, issuer]) => [id, issuer]));
    const { transactions, close } = await openRestoration(config.storage);
    try {
      return await work({ stores, transactions, issuers, owners });
    } finally {
      await close();
    }
  });
}

function certificatesIn(files: readonly string[]): [file: string, der: Buffer][] {
  return files.flatMap((file) =>
    readObjects(file, 'CERTIFICATE').map((der): [string, Buffer] => [file, der]),
  );
}

type Identified =
  | { readonly certificate: Certificate; readonly issuer: CaCertificate }
  | { readonly certificate?: undefined; readonly reason: string };

/** A certificate of ours that a device can authenticate with, whatever the time. */
function identify(der: Buffer, issuers: readonly CaCertificate[]): Identified {
  try {
    const { notAfter } = readCertificate(der);
    const verdict = new ClientCertificateValidator({ certificates: issuers }).validate(
      der,
      notAfter,
    );
    return verdict.valid ? verdict : { reason: verdict.reason };
  } catch (error) {
    if (!(error instanceof DerError || error instanceof CertificateError)) throw error;
    return { reason: error.message };
  }
}

function aboutOf(file: string, certificate: Certificate) {
  const name = readName(readDer(certificate.subject)).find(({ type }) => type === 'commonName');
  return {
    file,
    serialNumber: certificate.serialNumber,
    ...(name ? { device: name.text } : {}),
  };
}

/** As far as the certificate itself tells. */
function profileOf(certificate: Certificate): string {
  const purposes = extensionOf(certificate, 'extKeyUsage');
  const speaks =
    purposes && readDer(purposes.value).children.some(({ bytes }) => sameBytes(bytes, oid.cmcRA));
  return speaks ? 'registration-authority' : 'device';
}

function show(rows: readonly Row[], { json }: AdoptOptions): void {
  const columns = rows.map(({ file, serialNumber, device, standing, note }) => ({
    file,
    serialNumber,
    device,
    standing,
    note,
  }));
  if (json) printJson(rows);
  else printTable(columns, 'There are no certificates.');
}

import { Command } from 'commander';
import { extensionOf, readCertificate } from '../../ca/certificate.ts';
import { readDer } from '../../ca/der.ts';
import { describeName, readName } from '../../ca/distinguished-name.ts';
import { readGeneralNames } from '../../ca/general-names.ts';
import type { IssuanceRecord } from '../../ca/issuance-ledger.ts';
import { toPem } from '../../server/data-directory.ts';
import { findOnRecord } from '../certification-authority.ts';
import { type DataOption, type ListOptions, parseLimit, withJson, withStores } from '../data.ts';
import { notFound } from '../exit.ts';
import { printFields, printJson, printTable } from '../print.ts';
import { serialOf } from '../serial-number.ts';
import { adoptCommand, compareCommand } from './cert-adoption.ts';
import { releaseCommand, revokeCommand } from './cert-revocation.ts';

export function certCommand(): Command {
  const cert = new Command('cert').description('certificates on record');
  withJson(cert.command('list'))
    .description('list certificates and unfinished intents, newest first')
    .option('--device <id>', 'of this device only')
    .option('--limit <n>', 'at most this many', '100')
    .action(list);
  withJson(cert.command('show'))
    .description('show a certificate')
    .argument('<serial>', 'serial number, hexadecimal')
    .option('--pem', 'print the certificate as PEM')
    .action(show);
  cert.addCommand(revokeCommand());
  cert.addCommand(releaseCommand());
  cert.addCommand(compareCommand());
  cert.addCommand(adoptCommand());
  return cert;
}

function statusOf({ certificate, revokedAt, revocationReason, notAfter }: IssuanceRecord): string {
  if (revocationReason === 'certificateHold') return 'on hold';
  if (revokedAt) return 'revoked';
  if (!certificate) return 'intended';
  return notAfter <= new Date() ? 'expired' : 'valid';
}

async function list(options: ListOptions & { device?: string }): Promise<void> {
  const records = await withStores(options, ({ ledger }) =>
    ledger.list({
      ...(options.device === undefined ? {} : { subscriber: options.device }),
      limit: parseLimit(options.limit),
    }),
  );
  const rows = records.map((record) => ({
    serialNumber: record.serialNumber,
    device: record.subscriber,
    profile: record.profile,
    status: statusOf(record),
    notBefore: record.notBefore,
    notAfter: record.notAfter,
  }));
  if (options.json) printJson(rows);
  else printTable(rows, 'There are no certificates.');
}

async function show(
  serial: string,
  options: DataOption & { pem?: true; json?: true },
): Promise<void> {
  const record = await withStores(options, (stores) => findOnRecord(stores, serialOf(serial)));
  if (!record) throw notFound(`There is no certificate with the serial number ${serial}.`);
  if (options.pem) {
    if (!record.certificate) throw notFound(`The intent ${serial} never became a certificate.`);
    process.stdout.write(toPem(record.certificate));
    return;
  }
  const { toBeSigned: _, revocationChallenge: __, certificate, credential, ...rest } = record;
  const shown = {
    ...rest,
    status: statusOf(record),
    credential: `${credential.kind}:${credential.id}`,
    ...(certificate ? contentOf(certificate) : {}),
  };
  if (options.json) printJson({ ...shown, ...(certificate ? { pem: toPem(certificate) } : {}) });
  else printFields(shown);
}

function contentOf(der: Uint8Array) {
  const certificate = readCertificate(der);
  const san = extensionOf(certificate, 'subjectAltName');
  return {
    subject: describeName(readName(readDer(certificate.subject))),
    subjectAltNames: san ? readGeneralNames(readDer(san.value)) : [],
  };
}

import { Command } from 'commander';
import { extensionOf, readCertificate } from '../../ca/certificate.ts';
import { readDer } from '../../ca/der.ts';
import { describeName, readName } from '../../ca/distinguished-name.ts';
import { readGeneralNames } from '../../ca/general-names.ts';
import {
  type IssuanceRecord,
  type RevocationReason,
  revocationReasons,
} from '../../ca/issuance-ledger.ts';
import { loadCaChain, toPem } from '../../server/data-directory.ts';
import {
  type DataOption,
  type ListOptions,
  operator,
  parseLimit,
  withJson,
  withStores,
} from '../data.ts';
import { notFound, usage } from '../exit.ts';
import { print, printFields, printJson, printTable } from '../print.ts';

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
  withJson(cert.command('revoke'))
    .description('revoke a certificate: it stops authenticating at its next request')
    .argument('<serial>', 'serial number, hexadecimal')
    .option('--reason <reason>', revocationReasons.join(', '), 'unspecified')
    .action(revoke);
  return cert;
}

function statusOf({ certificate, revokedAt, notAfter }: IssuanceRecord): string {
  if (revokedAt) return 'revoked';
  if (!certificate) return 'intended';
  return notAfter <= new Date() ? 'expired' : 'valid';
}

/** As openssl prints it, with or without colons. */
function serialOf(text: string): string {
  const serial = text.replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{2,40}$/.test(serial))
    throw usage(`"${text}" is not a serial number in hexadecimal.`);
  return serial;
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
  const record = await withStores(options, ({ ledger }, config) =>
    ledger.find(loadCaChain(config.directory).issuing.id, serialOf(serial)),
  );
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

async function revoke(
  serial: string,
  options: DataOption & { reason: string; json?: true },
): Promise<void> {
  const reason = revocationReasons.find(
    (known): known is RevocationReason => known === options.reason,
  );
  if (!reason) throw usage(`"${options.reason}" is not one of ${revocationReasons.join(', ')}.`);
  const record = await withStores(options, ({ ledger }, config) =>
    ledger.revoke(loadCaChain(config.directory).issuing.id, serialOf(serial), {
      reason,
      at: new Date(),
      by: operator(),
    }),
  );
  if (!record) throw notFound(`There is no certificate with the serial number ${serial}.`);
  const { serialNumber, subscriber, revokedAt, revocationReason } = record;
  if (options.json) printJson({ serialNumber, device: subscriber, revokedAt, revocationReason });
  else
    print(
      `The certificate ${serialNumber} is revoked since ${revokedAt?.toISOString()} (${revocationReason}).`,
    );
}

/**
 * `bestow cert revoke` and `bestow cert release`.
 */

import { Command } from 'commander';
import {
  type IssuanceLedger,
  type IssuanceRecord,
  type RevocationOrder,
  type RevocationReason,
  revocationReasons,
} from '../../ca/issuance-ledger.ts';
import { findOnRecord } from '../certification-authority.ts';
import { type DataOption, operator, withJson, withStores } from '../data.ts';
import { conflict, notFound, usage } from '../exit.ts';
import { print, printJson } from '../print.ts';
import { publicKeyDigestOf } from '../public-key-digest.ts';
import { serialOf } from '../serial-number.ts';

interface RevokeOptions extends DataOption {
  readonly reason: string;
  readonly at?: string;
  readonly device?: string;
  readonly key?: string;
  readonly json?: true;
}

export function revokeCommand(): Command {
  return withJson(new Command('revoke'))
    .description(
      'revoke certificates for good, or put them on hold: they stop authenticating at the next request',
    )
    .argument('[serial]', 'serial number, hexadecimal')
    .option('--device <id>', 'instead of a serial number: all certificates of this device')
    .option(
      '--key <digest or file>',
      'instead of a serial number: all over this key; SHA-256 of its SubjectPublicKeyInfo, or a certificate or key file',
    )
    .option(
      '--reason <reason>',
      `${revocationReasons.join(', ')}; certificateHold alone can be undone, by \`bestow cert release\``,
      'unspecified',
    )
    .option(
      '--at <time>',
      'since when it is not to be trusted, as when the key leaked; ISO 8601 with a time zone, such as 2030-01-31T12:00:00Z',
    )
    .action(revoke);
}

export function releaseCommand(): Command {
  return withJson(new Command('release'))
    .description('end the hold of a certificate: it authenticates again')
    .argument('<serial>', 'serial number, hexadecimal')
    .action(release);
}

async function revoke(serial: string | undefined, options: RevokeOptions): Promise<void> {
  const { device, key } = options;
  if ([serial, device, key].filter((each) => each !== undefined).length !== 1)
    throw usage('Name what to revoke: a serial number, --device or --key, one of them.');
  const order = orderOf(options);
  if (serial !== undefined) return revokeOne(serialOf(serial), order, options);
  const of =
    device !== undefined
      ? { subscriber: device }
      : { publicKeyDigest: publicKeyDigestOf(key ?? '') };
  const records = await withStores(options, ({ ledger }) => ledger.revokeAll(of, order));
  if (records.length === 0)
    throw notFound(
      `There is no certificate ${device === undefined ? 'over this key' : `of ${device}`} on record.`,
    );
  if (options.json) printJson(records.map(shownOf));
  else for (const record of records) print(sentenceOf(record));
}

async function revokeOne(
  serial: string,
  order: RevocationOrder,
  options: RevokeOptions,
): Promise<void> {
  const record = await onCertificate(serial, options, (ledger, issuer) =>
    ledger.revoke(issuer, serial, order),
  );
  if (!record) throw unknown(serial);
  if (options.json) printJson(shownOf(record));
  else print(sentenceOf(record));
}

async function release(text: string, options: DataOption & { json?: true }): Promise<void> {
  const serial = serialOf(text);
  const outcome = await onCertificate(serial, options, (ledger, issuer) =>
    ledger.release(issuer, serial, { at: new Date(), by: operator() }),
  );
  if (!outcome) throw unknown(serial);
  const { record, released } = outcome;
  if (!released)
    throw conflict(
      record.revokedAt
        ? `The certificate ${serial} is revoked for good (${record.revocationReason}); only a hold can be undone.`
        : `The certificate ${serial} is not on hold.`,
    );
  if (options.json) printJson(shownOf(record));
  else print(`The certificate ${serial} is released from its hold.`);
}

/** Whichever of the CA's keys issued it. */
function onCertificate<T>(
  serial: string,
  options: DataOption,
  work: (ledger: IssuanceLedger, issuer: string) => Promise<T>,
): Promise<T | undefined> {
  return withStores(options, async (stores) => {
    const record = await findOnRecord(stores, serial);
    return record && work(stores.ledger, record.issuer);
  });
}

function unknown(serial: string) {
  return notFound(`There is no certificate with the serial number ${serial}.`);
}

function orderOf({ reason: text, at }: RevokeOptions): RevocationOrder {
  const reason = revocationReasons.find((known): known is RevocationReason => known === text);
  if (!reason) throw usage(`"${text}" is not one of ${revocationReasons.join(', ')}.`);
  return {
    reason,
    at: new Date(),
    by: operator(),
    ...(at === undefined ? {} : { invalidityDate: pastTime(at) }),
  };
}

/** Without a time zone it would mean another time on each machine. */
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;

function pastTime(text: string): Date {
  const time = new Date(text);
  if (!instant.test(text) || !(time.getTime() > 0))
    throw usage(`"${text}" is not a time in ISO 8601 with a time zone, as 2030-01-31T12:00:00Z.`);
  if (time > new Date()) throw usage(`${text} is in the future; a revocation counts at once.`);
  return time;
}

function shownOf({
  serialNumber,
  subscriber,
  revokedAt,
  revocationReason,
  invalidityDate,
}: IssuanceRecord) {
  return { serialNumber, device: subscriber, revokedAt, revocationReason, invalidityDate };
}

function sentenceOf(record: IssuanceRecord): string {
  const { serialNumber, revokedAt, revocationReason, invalidityDate } = record;
  const state = revocationReason === 'certificateHold' ? 'on hold' : 'revoked';
  const details = [
    revocationReason,
    ...(invalidityDate ? [`not to be trusted since ${invalidityDate.toISOString()}`] : []),
  ];
  return `The certificate ${serialNumber} is ${state} since ${revokedAt?.toISOString()} (${details.join(', ')}).`;
}

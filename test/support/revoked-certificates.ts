/**
 * Revoked certificates by the hundred thousand, put into a database as SQL makes them: no keys, no certificates, but for
 * all that a CRL says of them.
 */

import { DatabaseSync } from 'node:sqlite';

export interface ManyRevoked {
  /** The SQLite file; its schema is up to date. */
  readonly sqlite: string;
  readonly issuer: string;
  readonly count: number;
  /** To how many partitions of the CRL they belong. */
  readonly partitions?: number;
  readonly notAfter?: Date;
}

/** The serial number of the i-th of them, hexadecimal. */
export const revokedSerialNumber = (i: number) => `01${i.toString(16).padStart(34, '0')}`;

export function insertRevoked(many: ManyRevoked): void {
  const { sqlite, issuer, count, partitions = 1 } = many;
  const notAfter = (many.notAfter ?? new Date(Date.now() + 30 * 86_400_000)).toISOString();
  const database = new DatabaseSync(sqlite, { timeout: 10_000 });
  // To keep indexes up to date a million times would take longer than all the rest.
  const indexes = database
    .prepare(
      `select name, sql from sqlite_master where type = 'index' and tbl_name = 'issuance' and sql is not null`,
    )
    .all();
  database.exec('begin immediate');
  for (const { name } of indexes) database.exec(`drop index ${name}`);
  database
    .prepare(
      `with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ?)
       insert into issuance (issuer, serial_number, to_be_signed, public_key_digest, request_digest, profile,
         credential_kind, credential_id, not_before, not_after, request_id, recorded_at, revoked_at,
         revocation_reason, crl_partition)
       select ?, '01' || printf('%034x', i), x'3000',
         printf('key-%d', i), '', 'device', 'operator', 'test', '2026-01-01T00:00:00.000Z', ?, 'test',
         '2026-01-01T00:00:00.000Z', strftime('%Y-%m-%dT%H:%M:%S.000Z', 1767225600 + i, 'unixepoch'),
         case i % 4 when 0 then 'unspecified' when 1 then 'keyCompromise' when 2 then 'superseded' else 'certificateHold' end,
         ${partitions > 1 ? `1 + i % ${partitions}` : '0'} from n`,
    )
    .run(count, issuer, notAfter);
  for (const partition of [
    0,
    ...(partitions > 1 ? Array.from({ length: partitions }, (_, i) => i + 1) : []),
  ])
    database
      .prepare(
        `insert into revocation_count select ?, ?, count(*) from issuance where issuer = ? and revoked_at is not null
         and (? = 0 or crl_partition = ?)
         on conflict (issuer, partition) do update set revocations = excluded.revocations`,
      )
      .run(issuer, partition, issuer, partition, partition);
  for (const { sql } of indexes) database.exec(String(sql));
  database.exec('commit');
  database.close();
}

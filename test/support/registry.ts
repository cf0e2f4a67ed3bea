/**
 * What an operator does with a running server's data, in this process: to start a command for each device takes half a
 * second of a processor. What a test is about, it does by the command itself.
 */

import { DatabaseSync } from 'node:sqlite';
import { createOneTimePassword } from '../../cli/commands/otp.ts';
import { withStores } from '../../cli/data.ts';
import type { NewDevice } from '../../enrollment/device-registry.ts';
import type { BestowServer } from './bestow.ts';

type Enlisted = Partial<Omit<NewDevice, 'id'>>;

/** Registers devices, of the tenant `default` unless they say otherwise, each with a fresh one-time password. */
export function enlist<Id extends string>(
  { data }: Pick<BestowServer, 'data'>,
  devices: Readonly<Record<Id, Enlisted>>,
): Promise<Record<Id, string>> {
  return withStores({ data }, async (stores, config) => {
    const passwords: [string, string][] = [];
    for (const [id, { tenant = 'default', ...rest }] of Object.entries<Enlisted>(devices)) {
      const device = { id, tenant, names: [], ...rest };
      const added = await stores.devices.add(device, 'operator:test', new Date());
      if (added.kind === 'refused') throw new Error(added.reason);
      const { password } = await createOneTimePassword(stores, config, { device: id, ttl: '1h' });
      passwords.push([id, password]);
    }
    return Object.fromEntries(passwords) as Record<Id, string>;
  });
}

export interface AuditRow {
  readonly actor: string;
  readonly object: string;
  readonly request_id: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Entries of the audit log of one action, oldest first. */
export function auditOf({ data }: Pick<BestowServer, 'data'>, action: string): AuditRow[] {
  using database = new DatabaseSync(`${data}/bestow.db`, { readOnly: true });
  return database
    .prepare(
      'select actor, object, request_id, details from audit_log where action = ? order by id',
    )
    .all(action)
    .map((row) => ({ ...row, details: JSON.parse(String(row.details)) }) as unknown as AuditRow);
}

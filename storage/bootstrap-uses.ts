/**
 * The use of a bootstrap credential: what speaks against it, asked again under the write lock, and the count that goes up
 * with the intent. A device counts once, however often it comes.
 */

import type { Kysely } from 'kysely';
import type { ForeseenIntent, Intent, IntentRefused } from '../ca/issuance-ledger.ts';
import { objectionToQuota, objectionToWindow } from '../enrollment/bootstrap-credential.ts';
import { audit } from './audit-trail.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';
import { revokedSince } from './issuance-queries.ts';
import { bootstrapCredentialOf } from './rows.ts';

type BootstrapIntent = Pick<
  ForeseenIntent,
  'credential' | 'subscriber' | 'registration' | 'publicKeyDigest' | 'recordedAt'
>;

export const bootstrapCredentialById = compiledQuery((db, { id }: { id: string }) =>
  db.selectFrom('bootstrap_credential').selectAll().where('id', '=', id),
);

const placeOfDevice = compiledQuery((db, { device }: { device: string }) =>
  db.selectFrom('device').select(['device_group', 'first_key']).where('id', '=', device),
);

/** Newest first; an operator who resets a device's key lets another one count in its name, which is rare. */
const usesByDevice = compiledQuery(
  (db, { credential, device }: { credential: string; device: string }) =>
    db
      .selectFrom('bootstrap_use')
      .select(['public_key_digest', 'at'])
      .where('credential', '=', credential)
      .where('device', '=', device)
      .orderBy('at', 'desc'),
);

/** Returns the row it changed, or none: then it is used up, revoked, or not open. */
const takeUse = compiledQuery((db, { id, now }: { id: string; now: string }) =>
  db
    .updateTable('bootstrap_credential')
    .set(({ eb }) => ({ uses: eb('uses', '+', 1) }))
    .where('id', '=', id)
    .where('state', '=', 'active')
    .where('not_before', '<=', now)
    .where('not_after', '>', now)
    .whereRef('uses', '<', 'quota')
    .returning(['uses', 'quota']),
);

const insertUse = compiledQuery(
  (db, use: { credential: string; device: string; publicKeyDigest: string; at: string }) =>
    db.insertInto('bootstrap_use').values({
      credential: use.credential,
      device: use.device,
      public_key_digest: use.publicKeyDigest,
      at: use.at,
    }),
);

/** @returns undefined where the credential is another, or nothing speaks against its use */
export async function objectionToBootstrapUse(
  db: Kysely<Database>,
  intent: BootstrapIntent,
): Promise<IntentRefused | undefined> {
  const { credential, subscriber = '', registration, recordedAt } = intent;
  if (credential.kind !== 'bootstrap-credential') return undefined;
  const { id } = credential;
  const [row] = (await bootstrapCredentialById(db, { id })).rows;
  if (row?.state !== 'active')
    return refused('credential-spent', `The bootstrap credential ${id} is revoked.`);
  const known = bootstrapCredentialOf(row);
  const [place] = (await placeOfDevice(db, { device: subscriber })).rows;
  const group = place?.device_group ?? registration?.group;
  if (group !== known.group)
    return refused(
      'credential-spent',
      `The bootstrap credential ${id} is for devices of the group ${known.group}, which ${subscriber} is not in.`,
    );
  const closed = objectionToWindow(known, recordedAt);
  if (closed) return refused('bootstrap-window-closed', closed);
  const usedAt = await firstUse(db, intent);
  if (usedAt === undefined) {
    const usedUp = objectionToQuota(known);
    return usedUp === undefined ? undefined : refused('bootstrap-quota-used', usedUp);
  }
  const revoked = await revokedSince(db, { device: subscriber, since: usedAt });
  return revoked.rows.length > 0
    ? refused(
        'certificate-revoked',
        `A certificate of device ${subscriber} was revoked after it came with the bootstrap credential ${id}, which brings it no other: an operator makes a credential of its own for it, or resets its key (\`bestow device reset-key ${subscriber}\`).`,
      )
    : undefined;
}

/**
 * When the device counted: with this key, or with the one it had before it renewed to this one. Another key in its name is
 * another device, as far as anybody can tell.
 */
async function firstUse(
  db: Kysely<Database>,
  { credential: { id: credential }, subscriber: device = '', publicKeyDigest }: BootstrapIntent,
): Promise<string | undefined> {
  const { rows } = await usesByDevice(db, { credential, device });
  const same = rows.find(({ public_key_digest: key }) => key === publicKeyDigest);
  if (same) return same.at;
  const [last] = rows;
  if (!last) return undefined;
  const [place] = (await placeOfDevice(db, { device })).rows;
  return place?.first_key === publicKeyDigest ? last.at : undefined;
}

/** Of any number of racing requests, no more than the quota change the row. @returns false where none is left */
export async function useBootstrapCredential(
  transaction: Kysely<Database>,
  intent: Intent,
): Promise<boolean> {
  const { credential, subscriber: device = '', publicKeyDigest, recordedAt, requestId } = intent;
  const { id } = credential;
  if ((await firstUse(transaction, intent)) !== undefined) return true;
  const at = recordedAt.toISOString();
  const [taken] = (await takeUse(transaction, { id, now: at })).rows;
  if (!taken) return false;
  await insertUse(transaction, { credential: id, device, publicKeyDigest, at });
  if (taken.uses === taken.quota)
    await audit(transaction, {
      at: recordedAt,
      actor: device,
      action: 'bootstrap-credential.used-up',
      object: id,
      requestId,
      details: { quota: taken.quota },
    });
  return true;
}

/**
 * Devices that a credential has no place left for come again and again: the first of them is on record, the others would
 * fill an audit log that only ever grows. @returns whether such a one is on record already
 */
export async function isKnownExcess(
  transaction: Kysely<Database>,
  { credential: { id }, recordedAt }: Pick<Intent, 'credential' | 'recordedAt'>,
  { code }: IntentRefused,
): Promise<boolean> {
  if (code !== 'bootstrap-quota-used') return false;
  const { numUpdatedRows } = await transaction
    .updateTable('bootstrap_credential')
    .set({ exceeded_at: recordedAt.toISOString() })
    .where('id', '=', id)
    .where('exceeded_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 0n;
}

function refused(code: IntentRefused['code'], reason: string): IntentRefused {
  return { kind: 'refused', code, reason };
}

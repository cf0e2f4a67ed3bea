/** Whether an intent is recorded: all that is on record speaks here, and the credential is spent with it. */

import type { Kysely } from 'kysely';
import type {
  ForeseenIntent,
  Intent,
  IntentOutcome,
  IntentRefused,
} from '../ca/issuance-ledger.ts';
import { objectionToBannedKey } from './banned-keys.ts';
import { objectionToBootstrapUse } from './bootstrap-uses.ts';
import { objectionToUnconfirmed } from './confirmed-keys.ts';
import type { Database } from './database.ts';
import { objectionToFactoryUse } from './factory-certificates.ts';
import { objectionToFirstKey } from './first-keys.ts';
import { activeDevice, holdersOfKey } from './issuance-queries.ts';
import { mayJoin } from './newcomers.ts';
import { repeatOf } from './repeated-request.ts';
import { credentialServes, spendCredential } from './spend-credential.ts';
import { type ApprovalUse, isOpenApproval, useApproval } from './sql-approvals.ts';

/** Everything that may have changed since the caller was identified is asked again here, under the write lock. */
export async function decideIntent(
  transaction: Kysely<Database>,
  intent: Intent,
): Promise<IntentOutcome> {
  const judged = await judge(transaction, intent);
  if (judged) return judged;
  if (!(await isApproved(transaction, intent)))
    return refusal('approval-used', `The approval ${intent.approval} is used up or has expired.`);
  const unconfirmed = await objectionToUnconfirmed(transaction, intent);
  if (unconfirmed) return unconfirmed;
  if (!(await spendCredential(transaction, intent))) return credentialSpent(intent);
  await useUpApproval(transaction, intent);
  return { kind: 'recorded' };
}

/** By the same rules, but for the approval. @returns undefined where it would be recorded */
export async function objectionTo(
  db: Kysely<Database>,
  foreseen: ForeseenIntent,
): Promise<IntentRefused | undefined> {
  const judged = await judge(db, foreseen);
  if (judged) return judged.kind === 'refused' ? judged : undefined;
  if (!(await credentialServes(db, foreseen))) return credentialSpent(foreseen);
  // Last of all: where this alone is missing, a person is asked.
  return objectionToUnconfirmed(db, foreseen);
}

/** What is told without asking the approval and the credential. @returns undefined where it is up to them */
async function judge(
  db: Kysely<Database>,
  intent: ForeseenIntent,
): Promise<IntentOutcome | undefined> {
  const { subscriber, relayedBy } = intent;
  if (subscriber !== undefined && !(await isActive(db, subscriber)) && !(await mayJoin(db, intent)))
    return inactive(subscriber);
  // A registration authority is never a newcomer, whoever it asks for.
  if (relayedBy !== undefined && !(await isActive(db, relayedBy))) return inactive(relayedBy);
  return (
    (await objectionToBannedKey(db, intent)) ??
    (await objectionToKey(db, intent)) ??
    (await repeatOf(db, intent)) ??
    (await objectionToFirstKey(db, intent)) ??
    (await objectionToBootstrapUse(db, intent)) ??
    objectionToFactoryUse(db, intent)
  );
}

function refusal(code: IntentRefused['code'], reason: string): IntentRefused {
  return { kind: 'refused', code, reason };
}

function inactive(device: string): IntentRefused {
  return refusal('subscriber-inactive', `Device ${device} is blocked or removed.`);
}

function credentialSpent({ credential: { id } }: ForeseenIntent): IntentRefused {
  return refusal('credential-spent', `The credential ${id} is spent or no longer valid.`);
}

async function isActive(db: Kysely<Database>, device: string): Promise<boolean> {
  const { rows } = await activeDevice(db, { device });
  return rows.length > 0;
}

/** A key belongs to one device, and one that was lost is never certified again, whoever holds a credential. */
export async function objectionToKey(
  db: Kysely<Database>,
  { publicKeyDigest, subscriber: owner }: Pick<ForeseenIntent, 'publicKeyDigest' | 'subscriber'>,
): Promise<IntentRefused | undefined> {
  // A key that is still to be made is nobody's.
  if (publicKeyDigest === undefined) return undefined;
  const { rows } = await holdersOfKey(db, { publicKeyDigest });
  if (rows.some(({ subscriber }) => subscriber !== (owner ?? null)))
    return refusal('key-in-use', 'The public key is already certified for another device.');
  return rows.some(({ revocation_reason: reason }) => reason === 'keyCompromise')
    ? refusal('key-compromised', 'The public key was reported as compromised; make a new one.')
    : undefined;
}

/** Asked before the credential is spent: neither is used up without the other. */
async function isApproved(transaction: Kysely<Database>, intent: Intent): Promise<boolean> {
  return intent.approval === undefined || isOpenApproval(transaction, approvalUse(intent));
}

async function useUpApproval(transaction: Kysely<Database>, intent: Intent): Promise<void> {
  if (intent.approval !== undefined && !(await useApproval(transaction, approvalUse(intent))))
    throw new Error(`The approval ${intent.approval} was used by another at the same time.`);
}

function approvalUse({ approval = '', subscriber = '', recordedAt }: Intent): ApprovalUse {
  return { id: approval, device: subscriber, now: recordedAt.toISOString() };
}

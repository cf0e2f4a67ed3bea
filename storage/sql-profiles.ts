import type { Kysely } from 'kysely';
import { profileContradiction } from '../enrollment/profile-contradiction.ts';
import type {
  Activation,
  ProfileDirectory,
  ProfileDraft,
  ProfileVersion,
} from '../enrollment/profile-directory.ts';
import { audit } from './audit-trail.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Database } from './database.ts';
import { isBuiltIn, versionsIn } from './profile-versions.ts';
import { listGroups } from './sql-groups.ts';
import type { Transactions } from './transactions.ts';

const latestActivation = compiledQuery((db, _: object) =>
  db.selectFrom('profile_activation').select(({ fn }) => fn.max('id').as('revision')),
);

export class SqlProfiles implements ProfileDirectory {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  async revision(): Promise<number> {
    const [row] = (await latestActivation(this.#transactions.read, {})).rows;
    return row?.revision ?? 0;
  }

  async active(): Promise<ProfileVersion[]> {
    return (await versionsIn(this.#transactions.read, {})).filter(({ active }) => active);
  }

  versions(filter: { name?: string }): Promise<ProfileVersion[]> {
    return versionsIn(this.#transactions.read, filter);
  }

  add({ name, text, config }: ProfileDraft, by: string, at: Date): Promise<ProfileVersion> {
    return this.#transactions.write(async (transaction) => {
      const [newest] = await versionsIn(transaction, { name });
      const version = (newest?.version ?? 0) + 1;
      await transaction
        .insertInto('profile')
        .values({
          name,
          version,
          text,
          config: JSON.stringify(config),
          created_at: at.toISOString(),
          created_by: by,
        })
        .execute();
      const details = { version };
      await audit(transaction, { at, actor: by, action: 'profile.added', object: name, details });
      return { name, text, config, version, createdAt: at, createdBy: by, active: false };
    });
  }

  activate(name: string, version: number, by: string, at: Date): Promise<Activation> {
    return this.#transactions.write(async (transaction): Promise<Activation> => {
      const versions = await versionsIn(transaction, { name });
      const wanted = versions.find((each) => each.version === version);
      if (!wanted) return { kind: 'unknown' };
      return activated(transaction, { name, wanted, by, at });
    });
  }

  rollBack(name: string, by: string, at: Date): Promise<Activation> {
    return this.#transactions.write(async (transaction): Promise<Activation> => {
      const versions = await versionsIn(transaction, { name });
      const active = versions.find((each) => each.active);
      if (!active) return { kind: 'unknown' };
      const once = await transaction
        .selectFrom('profile_activation')
        .select('version')
        .where('name', '=', name)
        .where('version', '<', active.version)
        .orderBy('version', 'desc')
        .limit(1)
        .executeTakeFirst();
      const wanted = versions.find(({ version }) => version === once?.version);
      if (!wanted && !isBuiltIn(name))
        return {
          kind: 'refused',
          reason: `No version of the profile ${name} was active before version ${active.version}, and there is none built in.`,
        };
      return activated(transaction, { name, wanted, by, at });
    });
  }
}

interface ActivationOrder {
  readonly name: string;
  /** Undefined for the built-in profile. */
  readonly wanted: ProfileVersion | undefined;
  readonly by: string;
  readonly at: Date;
}

async function activated(
  transaction: Kysely<Database>,
  { name, wanted, by, at }: ActivationOrder,
): Promise<Activation> {
  const users = (await listGroups(transaction, {})).filter(
    ({ settings }) => settings.profile === name,
  );
  const objection = users
    .map(
      (group) => wanted && profileContradiction(group, { name, keyTypes: wanted.config.keyTypes }),
    )
    .find((reason) => reason !== undefined);
  if (objection !== undefined) return { kind: 'refused', reason: objection };
  const version = wanted?.version ?? null;
  await transaction
    .insertInto('profile_activation')
    .values({ name, version, at: at.toISOString(), by })
    .execute();
  const details = { version: version ?? 'built-in' };
  await audit(transaction, { at, actor: by, action: 'profile.activated', object: name, details });
  return { kind: 'activated', name, ...(wanted ? { version: wanted.version } : {}) };
}

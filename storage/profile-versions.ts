import type { Kysely } from 'kysely';
import { builtInProfiles } from '../ca/built-in-profiles.ts';
import type { CompleteProfileConfig } from '../ca/check-profile.ts';
import type { Group } from '../enrollment/group.ts';
import { profileContradiction } from '../enrollment/profile-contradiction.ts';
import type { ProfileVersion } from '../enrollment/profile-directory.ts';
import type { Database } from './database.ts';

/** The versions of profiles, within a transaction or outside. */

const builtIn = builtInProfiles();

export function isBuiltIn(name: string): boolean {
  return builtIn.has(name);
}

/** By name, then newest first. */
export async function versionsIn(
  db: Kysely<Database>,
  { name }: { name?: string },
): Promise<ProfileVersion[]> {
  let query = db.selectFrom('profile').selectAll();
  if (name !== undefined) query = query.where('name', '=', name);
  const rows = await query.orderBy('name').orderBy('version', 'desc').execute();
  const active = await activeVersions(db);
  return rows.map((row) => ({
    name: row.name,
    version: row.version,
    text: row.text,
    config: JSON.parse(row.config) as CompleteProfileConfig,
    createdAt: new Date(row.created_at),
    createdBy: row.created_by,
    active: active.get(row.name) === row.version,
  }));
}

/** The last activation of each name is the one that holds. */
async function activeVersions(db: Kysely<Database>): Promise<Map<string, number | null>> {
  const rows = await db
    .selectFrom('profile_activation')
    .select(['name', 'version'])
    .where('id', 'in', (each) =>
      each
        .selectFrom('profile_activation')
        .select(({ fn }) => fn.max('id').as('id'))
        .groupBy('name'),
    )
    .execute();
  return new Map(rows.map(({ name, version }) => [name, version]));
}

/** @returns why a group cannot have the profile that its settings name, or undefined */
export async function profileObjection(
  db: Kysely<Database>,
  group: Pick<Group, 'label' | 'settings'>,
): Promise<string | undefined> {
  const name = group.settings.profile;
  const versions = await versionsIn(db, { name });
  const active = versions.find((version) => version.active)?.config ?? builtIn.get(name);
  if (active) return profileContradiction(group, { name, keyTypes: active.keyTypes });
  return versions.length > 0
    ? `No version of the profile ${name} is active: bestow profile activate ${name} ${versions[0]?.version}`
    : `There is no profile ${name}; \`bestow profile list\` shows those there are.`;
}

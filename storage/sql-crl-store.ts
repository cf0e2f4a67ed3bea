import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { RevokedCertificate } from '../ca/crl.ts';
import { wholeCrl } from '../ca/crl-partition.ts';
import type {
  CrlRecord,
  CrlScope,
  CrlStore,
  RevocationState,
  ScopeState,
} from '../ca/crl-store.ts';
import type { RevocationReason } from '../ca/issuance-ledger.ts';
import { audit } from './audit-trail.ts';
import { compiledQuery } from './compiled-query.ts';
import { CrlOctets } from './crl-octets.ts';
import type { Database } from './database.ts';
import type { Transactions } from './transactions.ts';

/** CRLs before the newest that are kept, for whoever looks into what was published when; of large ones but one. */
const kept = { small: 10, large: 1 };
const large = 2 ** 22;
/** A CRL that was read may be removed meanwhile, but seldom twice. */
const readAttempts = 3;

const stateOf = compiledQuery((db, { issuer, partition }: CrlScope) =>
  db.selectNoFrom((eb) => [
    eb
      .selectFrom('crl')
      .select(({ fn }) => fn.max('number').as('number'))
      .where('issuer', '=', issuer)
      .where('partition', '=', partition)
      .as('newest'),
    eb
      .selectFrom('revocation_count')
      .select('revocations')
      .where('issuer', '=', issuer)
      .where('partition', '=', partition)
      .as('revocations'),
    eb.selectFrom('crl_number_floor').select('number').as('floor'),
  ]),
);

/** The number before the next: after a restoration some are skipped, since they may have been given to others. */
function newestIn(row: { newest: number | null; floor: number | null } | undefined): number {
  return Math.max(row?.newest ?? 0, (row?.floor ?? 1) - 1);
}

export class SqlCrlStore implements CrlStore {
  readonly #transactions: Transactions;
  readonly #octets: CrlOctets;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
    this.#octets = new CrlOctets(transactions);
  }

  async open(issuer: string, urls: ReadonlyMap<number, string | undefined>): Promise<void> {
    if (await this.#isOpen(issuer, urls)) return;
    const opened_at = new Date().toISOString();
    await this.#transactions.write(async (transaction) => {
      for (const [partition, url] of urls) {
        const scope = { issuer, partition };
        await transaction
          .insertInto('revocation_count')
          .values({ ...scope, revocations: 0 })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        if (url !== undefined)
          await transaction
            .insertInto('crl_url')
            .values({ ...scope, url, opened_at })
            .onConflict((conflict) => conflict.doNothing())
            .execute();
      }
    });
  }

  async #isOpen(issuer: string, urls: ReadonlyMap<number, string | undefined>): Promise<boolean> {
    const known = await this.#transactions.read
      .selectFrom('revocation_count')
      .leftJoin('crl_url', (join) =>
        join
          .onRef('crl_url.issuer', '=', 'revocation_count.issuer')
          .onRef('crl_url.partition', '=', 'revocation_count.partition'),
      )
      .select(['revocation_count.partition', 'url'])
      .where('revocation_count.issuer', '=', issuer)
      .execute();
    const pairs = new Set(
      known.flatMap(({ partition, url }) => [`${partition} `, `${partition} ${url ?? ''}`]),
    );
    return [...urls].every(([partition, url]) => pairs.has(`${partition} ${url ?? ''}`));
  }

  async states(issuer: string): Promise<ScopeState[]> {
    const rows = await this.#transactions.read
      .selectFrom('revocation_count')
      .leftJoin('crl', (join) =>
        join
          .onRef('crl.issuer', '=', 'revocation_count.issuer')
          .onRef('crl.partition', '=', 'revocation_count.partition')
          .on('crl.number', '=', (eb) =>
            eb
              .selectFrom('crl as newer')
              .select(({ fn }) => fn.max('newer.number').as('number'))
              .whereRef('newer.issuer', '=', 'revocation_count.issuer')
              .whereRef('newer.partition', '=', 'revocation_count.partition'),
          ),
      )
      .select(['revocation_count.partition', 'revocation_count.revocations'])
      .select(['number', 'this_update', 'next_update', 'size', 'crl.revocations as known'])
      .select((eb) => eb.selectFrom('crl_number_floor').select('number').as('floor'))
      .where('revocation_count.issuer', '=', issuer)
      .orderBy('revocation_count.partition')
      .execute();
    return rows.map(({ partition, revocations, ...row }) => ({
      issuer,
      partition,
      newest: newestIn({ newest: row.number, floor: row.floor }),
      revocations,
      ...(row.number === null
        ? {}
        : {
            edition: {
              number: row.number,
              thisUpdate: new Date(row.this_update ?? ''),
              nextUpdate: new Date(row.next_update ?? ''),
              revocations: row.known ?? 0,
              size: row.size ?? 0,
            },
          }),
    }));
  }

  async state(scope: CrlScope): Promise<RevocationState | undefined> {
    const [row] = (await stateOf(this.#transactions.read, scope)).rows;
    const known = (row?.revocations ?? null) !== null || scope.partition === wholeCrl;
    return known ? { newest: newestIn(row), revocations: row?.revocations ?? 0 } : undefined;
  }

  async urls({ issuer, partition }: CrlScope): Promise<string[]> {
    const rows = await this.#transactions.read
      .selectFrom('crl_url')
      .select('url')
      .where('issuer', '=', issuer)
      .where('partition', '=', partition)
      .orderBy('opened_at', 'desc')
      .orderBy('url')
      .execute();
    return rows.map(({ url }) => url);
  }

  async newest(scope: CrlScope): Promise<CrlRecord | undefined> {
    for (let attempt = 0; attempt < readAttempts; attempt++) {
      const row = await this.#transactions.read
        .selectFrom('crl')
        .selectAll()
        .where('issuer', '=', scope.issuer)
        .where('partition', '=', scope.partition)
        .orderBy('number', 'desc')
        .limit(1)
        .executeTakeFirst();
      if (!row) return undefined;
      const der = await this.#octets.read(row.octets, row.size);
      // It was replaced, and is gone, since its row was read.
      if (!der) continue;
      const { number, revocations } = row;
      const times = {
        thisUpdate: new Date(row.this_update),
        nextUpdate: new Date(row.next_update),
      };
      return { ...scope, number, ...times, revocations, der };
    }
    throw new Error(`The octets of a CRL of ${scope.issuer} are not in the database.`);
  }

  async revoked(
    { issuer, partition }: CrlScope,
    { after, endingAfter }: { after: string; endingAfter: Date },
    limit: number,
  ): Promise<RevokedCertificate[]> {
    let query = this.#transactions.read
      .selectFrom('issuance')
      .select(['serial_number', 'revoked_at', 'revocation_reason', 'invalidity_date'])
      .where('issuer', '=', issuer)
      .where('revoked_at', 'is not', null)
      .where('serial_number', '>', after)
      .where('not_after', '>=', endingAfter.toISOString());
    if (partition !== wholeCrl)
      // Said as the index says it, which is for these alone.
      query = query.where('crl_partition', '=', partition).where(sql<boolean>`crl_partition > 0`);
    const rows = await query
      .orderBy('serial_number')
      .limit(limit)
      .$narrowType<{ revoked_at: string; revocation_reason: RevocationReason }>()
      .execute();
    return rows.map((row) => ({
      serialNumber: row.serial_number,
      revokedAt: new Date(row.revoked_at),
      reason: row.revocation_reason,
      ...(row.invalidity_date === null ? {} : { invalidityDate: new Date(row.invalidity_date) }),
    }));
  }

  async add(crl: CrlRecord): Promise<boolean> {
    const { issuer, partition, number, thisUpdate, nextUpdate, revocations, der } = crl;
    const octets = randomUUID();
    const finish = await this.#octets.write(octets, der, thisUpdate);
    const added = await this.#transactions.write(async (transaction) => {
      const [row] = (await stateOf(transaction, crl)).rows;
      if (number !== newestIn(row) + 1) return false;
      await finish(transaction);
      await transaction
        .insertInto('crl')
        .values({
          issuer,
          partition,
          number,
          this_update: thisUpdate.toISOString(),
          next_update: nextUpdate.toISOString(),
          revocations,
          size: der.length,
          octets,
        })
        .execute();
      await removeBefore(transaction, crl, number - (der.length > large ? kept.large : kept.small));
      await audit(transaction, {
        at: thisUpdate,
        actor: 'ca',
        action: 'crl.issued',
        object: String(number),
        details: {
          issuer,
          ...(partition === wholeCrl ? {} : { partition }),
          nextUpdate,
          revocations,
        },
      });
      return true;
    });
    if (!added) await this.#octets.discard(octets);
    return added;
  }

  claim(
    { issuer, partition }: CrlScope,
    { by, now, until }: { by: string; now: Date; until: Date },
  ): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      const turn = { taken_by: by, until: until.toISOString() };
      const rows = await transaction
        .insertInto('crl_turn')
        .values({ issuer, partition, ...turn })
        .onConflict((conflict) =>
          conflict
            .columns(['issuer', 'partition'])
            .doUpdateSet(turn)
            .where((eb) =>
              eb.or([
                eb('crl_turn.taken_by', '=', by),
                eb('crl_turn.until', '<=', now.toISOString()),
              ]),
            ),
        )
        .returning('issuer')
        .execute();
      return rows.length > 0;
    });
  }
}

async function removeBefore(
  transaction: Kysely<Database>,
  { issuer, partition }: CrlScope,
  oldest: number,
): Promise<void> {
  const removed = await transaction
    .deleteFrom('crl')
    .where('issuer', '=', issuer)
    .where('partition', '=', partition)
    .where('number', '<', oldest)
    .returning('octets')
    .execute();
  for (const { octets } of removed)
    await transaction.deleteFrom('crl_octets').where('id', '=', octets).execute();
}

import type { RevokedCertificate } from '../ca/crl.ts';
import type { CrlRecord, CrlStore, RevocationState, RevokedPlace } from '../ca/crl-store.ts';
import type { RevocationReason } from '../ca/issuance-ledger.ts';
import { audit } from './audit-trail.ts';
import { compiledQuery } from './compiled-query.ts';
import type { Transactions } from './transactions.ts';

/** CRLs before the newest that are kept, for whoever looks into what was published when. */
const kept = 10;

const stateOf = compiledQuery((db, { issuer }: { issuer: string }) =>
  db.selectNoFrom((eb) => [
    eb
      .selectFrom('crl')
      .select(({ fn }) => fn.max('number').as('number'))
      .where('issuer', '=', issuer)
      .as('newest'),
    eb
      .selectFrom('revocation_count')
      .select('revocations')
      .where('issuer', '=', issuer)
      .as('revocations'),
  ]),
);

export class SqlCrlStore implements CrlStore {
  readonly #transactions: Transactions;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  async state(issuer: string): Promise<RevocationState> {
    const [row] = (await stateOf(this.#transactions.read, { issuer })).rows;
    return { newest: row?.newest ?? 0, revocations: row?.revocations ?? 0 };
  }

  async newest(issuer: string): Promise<CrlRecord | undefined> {
    const row = await this.#transactions.read
      .selectFrom('crl')
      .selectAll()
      .where('issuer', '=', issuer)
      .orderBy('number', 'desc')
      .limit(1)
      .executeTakeFirst();
    return (
      row && {
        issuer: row.issuer,
        number: row.number,
        thisUpdate: new Date(row.this_update),
        nextUpdate: new Date(row.next_update),
        revocations: row.revocations,
        der: row.der,
      }
    );
  }

  async revoked(
    issuer: string,
    after: RevokedPlace,
    limit: number,
  ): Promise<(RevokedCertificate & RevokedPlace)[]> {
    const place = [after.notAfter.toISOString(), after.serialNumber] as const;
    const rows = await this.#transactions.read
      .selectFrom('issuance')
      .select(['serial_number', 'not_after', 'revoked_at', 'revocation_reason', 'invalidity_date'])
      .where('issuer', '=', issuer)
      .where('revoked_at', 'is not', null)
      .where(({ eb, refTuple, tuple }) =>
        eb(refTuple('not_after', 'serial_number'), '>', tuple(...place)),
      )
      .orderBy('not_after')
      .orderBy('serial_number')
      .limit(limit)
      .$narrowType<{ revoked_at: string; revocation_reason: RevocationReason }>()
      .execute();
    return rows.map((row) => ({
      serialNumber: row.serial_number,
      notAfter: new Date(row.not_after),
      revokedAt: new Date(row.revoked_at),
      reason: row.revocation_reason,
      ...(row.invalidity_date === null ? {} : { invalidityDate: new Date(row.invalidity_date) }),
    }));
  }

  add({ issuer, number, thisUpdate, nextUpdate, revocations, der }: CrlRecord): Promise<boolean> {
    return this.#transactions.write(async (transaction) => {
      const [row] = (await stateOf(transaction, { issuer })).rows;
      if (number !== (row?.newest ?? 0) + 1) return false;
      await transaction
        .insertInto('crl')
        .values({
          issuer,
          number,
          this_update: thisUpdate.toISOString(),
          next_update: nextUpdate.toISOString(),
          revocations,
          der,
        })
        .execute();
      await transaction
        .deleteFrom('crl')
        .where('issuer', '=', issuer)
        .where('number', '<', number - kept)
        .execute();
      await audit(transaction, {
        at: thisUpdate,
        actor: 'ca',
        action: 'crl.issued',
        object: String(number),
        details: { issuer, nextUpdate, revocations },
      });
      return true;
    });
  }
}

/**
 * At any moment the certificates that are revoked and have not expired are those that CRL and OCSP say are: after whatever was
 * done by two processes on one database, in whatever order.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type RevocationReason, revocationReasons } from '../../ca/issuance-ledger.ts';
import { readOcspRequest } from '../../ca/ocsp-request.ts';
import { certificateId, ocspRequest } from '../support/ocsp-requests.ts';
import {
  listedByOpenssl,
  type PublishedRevocation,
  type ReadCrl,
  readCrl,
  readOcspResponse,
} from './published-status.ts';
import { Database, devices, type Known, keysPerDevice, World } from './revocation-world.ts';
import { search, timeFor } from './search.ts';

const share = 0.2;
let database: Database;
before(async () => {
  database = await Database.open();
});
after(() => database.close());

/** RFC 5280 section 5.3.1. */
const codes: Readonly<Record<RevocationReason, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
};
const wholeSecond = (time: Date) => new Date(Math.floor(time.getTime() / 1000) * 1000);

function published({ revokedAt, reason, invalidityDate }: Known): PublishedRevocation {
  return {
    at: wholeSecond(revokedAt ?? assert.fail()),
    reason: codes[reason ?? assert.fail()],
    ...(invalidityDate ? { invalidityDate: wholeSecond(invalidityDate) } : {}),
  };
}

/** What a relying party that looks again and again may expect. */
class RelyingParty {
  readonly #world: World;
  #last: ReadCrl | undefined;
  #noted = 0;
  /** When the last CRL that listed it was made, by serial number. */
  readonly #listedAt = new Map<string, Date>();

  constructor(world: World) {
    this.#world = world;
  }

  async look(process: number, byOpenssl: boolean): Promise<void> {
    const { der } = await this.#world.publisher(process).current();
    const crl = readCrl(der, this.#world.ca.signer.publicKey);
    if (byOpenssl) assert.deepEqual(listedByOpenssl(der).sort(), [...crl.revoked.keys()].sort());
    this.#checkTimes(crl);
    this.note();
    this.#checkEntries(crl);
    await this.#checkOcsp(process);
  }

  /** Sees which CRLs were made since. */
  note(): void {
    for (const der of this.#world.crls.slice(this.#noted)) {
      const { thisUpdate, revoked } = readCrl(der, this.#world.ca.signer.publicKey);
      for (const serial of revoked.keys()) this.#listedAt.set(serial, thisUpdate);
      this.#noted++;
    }
  }

  #checkTimes(crl: ReadCrl): void {
    const { now } = this.#world;
    assert.ok(crl.thisUpdate <= now && now < crl.nextUpdate, 'the CRL is not of this time');
    const last = this.#last;
    assert.ok(!last || crl.number >= last.number, 'the cRLNumber went back');
    if (last?.number === crl.number) assert.deepEqual(crl, last, 'two CRLs of one number');
    this.#last = crl;
  }

  #checkEntries(crl: ReadCrl): void {
    const { certificates, now } = this.#world;
    const bySerial = new Map(certificates.map((known) => [known.serialNumber, known]));
    for (const [serial, entry] of crl.revoked) {
      const known = bySerial.get(serial);
      assert.ok(known?.revokedAt, `${serial} is listed and not revoked`);
      assert.deepEqual(entry, published(known));
    }
    for (const { serialNumber, revokedAt, notAfter } of certificates) {
      if (!revokedAt || crl.revoked.has(serialNumber)) continue;
      assert.ok(notAfter <= now, `${serialNumber} is revoked and not listed`);
      // Once more after its end, where it was listed for this revocation before (RFC 5280 section 3.3).
      const listedAt = this.#listedAt.get(serialNumber);
      const before = listedAt && listedAt >= wholeSecond(revokedAt) && listedAt <= notAfter;
      assert.ok(!before, `${serialNumber} was last listed before its end`);
    }
  }

  async #checkOcsp(process: number): Promise<void> {
    const { certificates, now, ca } = this.#world;
    const responder = this.#world.responder(process);
    for (let i = 0; i < certificates.length; i += 8) {
      const asked = certificates.slice(i, i + 8);
      const ids = asked.map(({ serialNumber }) => certificateId(ca.issuing, serialNumber));
      const answer = await responder.answer(readOcspRequest(ocspRequest(ids)));
      const { der } = answer ?? assert.fail('no answer');
      const said = readOcspResponse(der, this.#world.ocspKey);
      assert.equal(said.size, asked.length);
      for (const known of asked) {
        const { status, thisUpdate, nextUpdate } = said.get(known.serialNumber) ?? assert.fail();
        assert.ok(thisUpdate <= now && now < nextUpdate, 'the answer is not of this time');
        assert.deepEqual(status, statusOf(known));
      }
    }
  }
}

function statusOf(known: Known) {
  if (!known.revokedAt) return known.signed ? 'good' : 'unknown';
  const { at, reason } = published(known);
  return { at, reason };
}

type Deed = (world: World, party: RelyingParty) => Promise<void>;

const process = fc.nat({ max: 1 });
const reason = fc.constantFrom(...revocationReasons);
const device = fc.nat({ max: devices - 1 });
const key = fc.nat({ max: keysPerDevice - 1 });
/** Of a certificate; some end within the life of a CRL. */
const seconds = fc.constantFrom(1, 30, 600, 1500, 5000, 100_000);
const place = fc.nat({ max: 1000 });
const milliseconds = fc.oneof(
  fc.integer({ min: 1, max: 2000 }),
  // Around what counts: half the life of a CRL, all of it, half of an OCSP answer's, the end of certificates.
  fc.constantFrom(50_000, 100_000, 499_000, 500_000, 600_000, 999_000, 1_000_000, 1_500_000),
);

/** One of the certificates there are, if any. */
const of = (place: number, does: (known: Known, world: World) => Promise<void>): Deed => {
  return async (world) => {
    const { certificates } = world;
    const known = certificates[place % Math.max(1, certificates.length)];
    if (known) await does(known, world);
  };
};

const kinds: fc.WeightedArbitrary<readonly [string, Deed]>[] = [
  {
    weight: 4,
    arbitrary: fc
      .tuple(process, device, key, seconds, fc.nat({ max: 5 }))
      .map(([p, d, k, s, luck]) => [
        `issue ${p} ${d} ${k} ${s} ${luck}`,
        (world) => {
          const signed = luck > 0;
          return world.issue(p, { device: d, key: d * keysPerDevice + k, seconds: s, signed });
        },
      ]),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(process, place, reason, fc.boolean()).map(([p, n, r, dated]) => [
      `revoke ${p} ${n} ${r} ${dated}`,
      of(n, (known, world) => {
        const since = new Date(world.now.getTime() - 86_400_000);
        return world.revoke(p, known, r, dated ? since : undefined);
      }),
    ]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(process, place)
      .map(([p, n]) => [
        `hold ${p} ${n}`,
        of(n, (it, world) => world.revoke(p, it, 'certificateHold')),
      ]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(process, place)
      .map(([p, n]) => [`release ${p} ${n}`, of(n, (it, world) => world.release(p, it))]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(process, device, reason)
      .map(([p, d, r]) => [`revoke device ${p} ${d} ${r}`, (world) => world.revokeDevice(p, d, r)]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(process, fc.nat({ max: devices * keysPerDevice - 1 }), reason)
      .map(([p, k, r]) => [`revoke key ${p} ${k} ${r}`, (world) => world.revokeKey(p, k, r)]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(process, place, fc.boolean(), seconds)
      .map(([p, n, atOnce, s]) => [
        `renew ${p} ${n} ${atOnce} ${s}`,
        of(n, (known, world) => world.renew(p, known, atOnce, s)),
      ]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(process, place)
      .map(([p, n]) => [`use ${p} ${n}`, of(n, (it, world) => world.use(p, it))]),
  },
  {
    weight: 4,
    arbitrary: milliseconds.map((ms) => [`pass ${ms}`, async (world) => world.pass(ms)]),
  },
  {
    weight: 1,
    arbitrary: process.map((p) => [`restart ${p}`, async (world) => world.restart(p)]),
  },
  {
    weight: 1,
    arbitrary: reason.map((r) => [
      `at once ${r}`,
      async (world, party) => {
        // What was begun before the revocations must not be the answer after them.
        const making = Promise.allSettled([0, 1].map((p) => world.publisher(p).current()));
        const some = world.certificates.slice(0, 4);
        await Promise.all(some.map((known, i) => world.revoke(i, known, r)));
        await party.look(0, false);
        await making;
        party.note();
      },
    ]),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(process, fc.nat({ max: 99 }))
      .map(([p, n]) => [`look ${p} ${n}`, (_world, party) => party.look(p, n === 0)]),
  },
];

/** Printed by what it does. */
const deed = fc
  .oneof(...kinds)
  .map(([what, does]) => Object.assign(does, { [fc.toStringMethod]: () => what }));
const deeds = fc.array(deed, { maxLength: 40, size: 'max' });

test('CRL and OCSP say what is revoked, after any deeds in any order', {
  timeout: timeFor(share) + 120_000,
}, async (t) => {
  let last: Promise<void> | undefined;
  const runs = await search(
    deeds,
    (list) => {
      last = live(list);
      return last;
    },
    share,
    // When the time is over, one is still under way.
  ).finally(() => last?.catch(() => undefined));
  await last;
  t.diagnostic(`${runs} worlds`);
});

async function live(list: readonly Deed[]): Promise<void> {
  const world = await World.make(database);
  const party = new RelyingParty(world);
  for (const does of list) await does(world, party);
  for (const p of [0, 1]) await party.look(p, false);
}

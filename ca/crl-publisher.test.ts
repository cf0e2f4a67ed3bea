/**
 * When a CRL is made and when the last one serves on, over the real store.
 */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { OpenStores } from '../storage/stores.ts';
import { openFreshStores } from '../test/support/fresh-stores.ts';
import { makePlan, makeSoftwareCa, type SoftwareCa } from '../test/support/software-ca.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { deviceProfile } from './certificate-profile.ts';
import { CrlPublisher, type CrlPublisherParts } from './crl-publisher.ts';
import { readDer, tags } from './der.ts';
import { octetsKey } from './object-identifiers.ts';
import { SignatureFault } from './sign-structure.ts';
import { SignerUnavailable } from './signer.ts';

const day = 86_400;
let stores: OpenStores;
let ca: SoftwareCa;
let now: Date;
let reported: unknown[];
let publisher: CrlPublisher;

beforeEach(async () => {
  stores = await openFreshStores();
  now = new Date();
  ca = await makeSoftwareCa({ now });
  reported = [];
  publisher = newPublisher();
});

afterEach(() => stores.close());

function newPublisher(changes: Partial<CrlPublisherParts> = {}): CrlPublisher {
  return new CrlPublisher({
    issuer: ca.issuing,
    signer: ca.signer,
    store: stores.crls,
    validitySeconds: 7 * day,
    report: (error) => reported.push(error),
    clock: () => now,
    ...changes,
  });
}

const whole = () => ({ issuer: ca.issuing.id, partition: 0 });

function pass(seconds: number): void {
  now = new Date(now.getTime() + seconds * 1000);
}

async function issue(validity = '90d'): Promise<string> {
  const { issuing: issuer, signer } = ca;
  const parts = { issuer, signer, ledger: stores.ledger, serialPrefix: 1, clock: () => now };
  const profile = deviceProfile({ validity, endpoints: 'none' });
  return (await new CertificateAuthority(parts).issue(makePlan({ profile }))).serialNumber;
}

function revoke(serialNumber: string) {
  const order = { reason: 'keyCompromise', at: now, by: 'test' } as const;
  return stores.ledger.revoke(ca.issuing.id, serialNumber, order);
}

/** Counts signatures from here on. */
function countSignatures(): () => number {
  let count = 0;
  ca.signer.onSign = () => count++;
  return () => count;
}

function listedOn({ der }: { der: Uint8Array }): string[] {
  const list = readDer(der).children[0]?.children[5];
  if (list?.tag !== tags.sequence) return [];
  return list.children.map(({ children: [serial] }) => octetsKey(serial?.content ?? der));
}

describe('a new CRL', () => {
  test('is the first with number 1, and serves until there is something new', async () => {
    const signatures = countSignatures();
    const first = await publisher.current();
    assert.equal(first.number, 1);
    assert.equal(first.nextUpdate.getTime() - first.thisUpdate.getTime(), 7 * day * 1000);
    assert.equal(await publisher.current(), first);
    // Another worker, or this one after a restart.
    assert.deepEqual(await newPublisher().current(), { ...first, der: Uint8Array.from(first.der) });
    assert.equal(signatures(), 1);
  });

  test('is made for each revocation, and lists it', async () => {
    const serials = [await issue(), await issue(), await issue()];
    assert.deepEqual(listedOn(await publisher.current()), []);
    const revoked: string[] = [];
    for (const [i, serial] of serials.entries()) {
      await revoke(serial);
      revoked.push(serial);
      const crl = await publisher.current();
      assert.equal(crl.number, i + 2);
      assert.deepEqual(listedOn(crl), [...revoked].sort());
    }
  });

  test('is made when half of its life has passed', async () => {
    await publisher.current();
    pass(3.4 * day);
    assert.equal((await publisher.current()).number, 1);
    pass(0.2 * day);
    const next = await publisher.current();
    assert.equal(next.number, 2);
    assert.ok(next.thisUpdate.getTime() > now.getTime() - 1000);
  });

  test('is made when half of the configured life has passed, if that is shorter now', async () => {
    await publisher.current();
    pass(0.6 * day);
    assert.equal((await newPublisher({ validitySeconds: day }).current()).number, 2);
  });

  test('is made when the last one lies in the future, because the clock was set back', async () => {
    await publisher.current();
    pass(-day);
    const { number, thisUpdate } = await publisher.current();
    assert.equal(number, 2);
    assert.ok(thisUpdate <= now);
  });

  test('lists more than a page of certificates, each once, in the order of their serial numbers', async () => {
    // Of different ends, since the store lists them by that.
    const serials = await Promise.all(
      Array.from({ length: 1010 }, (_, i) => issue(`${1 + (i % 90)}d`)),
    );
    await Promise.all(serials.map(revoke));
    const crl = await publisher.current();
    // Too long for readDer: the serial numbers are found by what they look like.
    const listed =
      Buffer.from(crl.der)
        .toString('hex')
        .match(/021201[0-9a-f]{34}(?=170d)/g) ?? [];
    assert.deepEqual(
      listed.map((integer) => integer.slice(4)),
      [...serials].sort(),
    );
  });
});

describe('an expired certificate', () => {
  test('stays listed on one more CRL, and for the life of one', async () => {
    const serial = await issue('1d');
    await revoke(serial);
    const isListed = async () => listedOn(await publisher.current()).includes(serial);
    assert.ok(await isListed());
    pass(1.5 * day);
    // A CRL beyond the end, made for another revocation and gone at once.
    await revoke(await issue());
    assert.ok(await isListed());
    await revoke(await issue());
    assert.ok(await isListed());
    pass(4 * day);
    assert.ok(await isListed());
    pass(4 * day);
    assert.ok(!(await isListed()));
  });

  test('stays listed on the first CRL after its end, however late that is made', async () => {
    const serial = await issue('1d');
    await revoke(serial);
    await publisher.current();
    pass(60 * day);
    assert.deepEqual(listedOn(await publisher.current()), [serial]);
    pass(8 * day);
    assert.deepEqual(listedOn(await publisher.current()), []);
  });
});

describe('callers at the same time', () => {
  test('share one signature', async () => {
    const signatures = countSignatures();
    const crls = await Promise.all(Array.from({ length: 20 }, () => publisher.current()));
    assert.ok(crls.every(({ number }) => number === 1));
    assert.equal(signatures(), 1);
  });

  test('get no CRL that was begun before the revocation they know of', async () => {
    const serial = await issue();
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const { signer } = ca;
    const slow = newPublisher({
      signer: {
        ...signer,
        publicKey: signer.publicKey,
        algorithm: signer.algorithm,
        available: true,
        sign: async (toBeSigned) => {
          begun.resolve();
          await goOn.promise;
          return signer.sign(toBeSigned);
        },
      },
    });
    const before = slow.current();
    await begun.promise;
    await revoke(serial);
    const after = slow.current();
    // The second caller has to have joined the first before the signature comes.
    await stores.crls.state(whole());
    await new Promise(setImmediate);
    goOn.resolve();
    assert.deepEqual(listedOn(await before), []);
    assert.deepEqual(listedOn(await after), [serial]);
  });

  test('in several workers never issue two CRLs of one number', async () => {
    const workers = Array.from({ length: 4 }, () => newPublisher());
    for (let round = 1; round <= 5; round++) {
      const serial = await issue();
      await revoke(serial);
      const crls = await Promise.all(workers.map((worker) => worker.current()));
      for (const crl of crls) assert.ok(listedOn(crl).includes(serial));
      const octets = crls.map(({ number, der }) => `${number} ${octetsKey(der)}`);
      const numbers = crls.map(({ number }) => number);
      assert.equal(new Set(octets).size, new Set(numbers).size);
      assert.equal((await stores.crls.state(whole()))?.newest, Math.max(...numbers));
    }
  });
});

describe('while no CRL can be signed', () => {
  const failures: Record<string, [fail: () => void, error: new (message: string) => Error]> = {
    'because the HSM is known to be away': [
      () => {
        ca.signer.available = false;
        ca.signer.onSign = () => assert.fail('the signer was asked');
      },
      SignerUnavailable,
    ],
    'because the HSM does not answer': [
      () => {
        ca.signer.reachable = false;
      },
      SignerUnavailable,
    ],
    'because the HSM signs wrongly': [
      () => {
        ca.signer.distort = (signature) => signature.map((octet, i) => (i < 8 ? octet : octet ^ 1));
      },
      SignatureFault,
    ],
  };
  for (const [why, [fail, error]] of Object.entries(failures))
    test(`${why}, the last one serves on while it is valid, and not an instant longer`, async () => {
      const serial = await issue();
      const last = await publisher.current();
      fail();
      await revoke(serial);
      assert.equal(await publisher.current(), last);
      assert.ok(reported.length === 1 && reported[0] instanceof error);
      now = new Date(last.nextUpdate.getTime() - 1);
      assert.equal(await publisher.current(), last);
      pass(0.001);
      await assert.rejects(publisher.current(), error);
      await assert.rejects(newPublisher().current(), error);
    });

  test('because it would not be well-formed, nothing is issued or signed', async () => {
    const once = {
      serialNumber: '0100',
      notAfter: now,
      revokedAt: now,
      reason: 'superseded',
    } as const;
    const store = Object.assign(Object.create(stores.crls), {
      state: stores.crls.state.bind(stores.crls),
      newest: stores.crls.newest.bind(stores.crls),
      add: stores.crls.add.bind(stores.crls),
      revoked: async () => [once, once],
    });
    let signatures = 0;
    ca.signer.onSign = () => signatures++;
    await assert.rejects(newPublisher({ store }).current(), {
      name: 'LintFindings',
      message: /CRL-ORDER/,
    });
    assert.equal(signatures, 0);
    assert.deepEqual(await stores.crls.state(whole()), { newest: 0, revocations: 0 });
  });

  test('there is none where there never was one', async () => {
    ca.signer.reachable = false;
    await assert.rejects(publisher.current(), SignerUnavailable);
    assert.deepEqual(reported, []);
    ca.signer.reachable = true;
    assert.equal((await publisher.current()).number, 1);
  });
});

/**
 * CRLs made in a thread of their own over the real store: large ones, partitioned ones, by several at the same time.
 */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CertificateAuthority } from '../ca/certificate-authority.ts';
import { CrlPublisher, type CrlPublisherParts, largeCrl } from '../ca/crl-publisher.ts';
import { elementsIn, readDer } from '../ca/der.ts';
import { octetsKey } from '../ca/object-identifiers.ts';
import { SignatureFault } from '../ca/sign-structure.ts';
import { SignerUnavailable } from '../ca/signer.ts';
import { toPem } from '../server/data-directory.ts';
import { insertRevoked, revokedSerialNumber } from '../test/support/revoked-certificates.ts';
import { makePlan, makeSoftwareCa, type SoftwareCa } from '../test/support/software-ca.ts';

import type { OpenStores } from './stores.ts';
import { openStoresInThread } from './stores-in-thread.ts';

const limits = { perCredentialAndSource: 3, perCredential: 6, perSource: 20, windowSeconds: 60 };
const url = 'http://pki.example/crl/ca.crl';
const directory = mkdtempSync(join(tmpdir(), 'bestow-crl-thread-'));
const sqlite = join(directory, 'bestow.db');
const open = () =>
  openStoresInThread({ sqlite, busyTimeout: 5000 }, limits, (error) => {
    throw error;
  });
let stores: OpenStores;
before(async () => {
  stores = await open();
});
after(async () => {
  await stores.close();
  rmSync(directory, { recursive: true, force: true });
});

function publisherOf(
  { issuing: issuer, signer }: SoftwareCa,
  changes: Partial<CrlPublisherParts> = {},
): CrlPublisher {
  return new CrlPublisher({
    issuer,
    signer,
    store: stores.crls,
    maker: stores.crlMaker,
    validitySeconds: 86_400,
    url,
    report: (error) => {
      throw error;
    },
    ...changes,
  });
}

async function issue({ issuing: issuer, signer }: SoftwareCa, crlPartitions = 1) {
  const { ledger } = stores;
  const statusUrls = { crl: url, issuer: 'http://pki.example/ca.cer' };
  const parts = { issuer, signer, ledger, serialPrefix: 127, statusUrls, crlPartitions };
  return await new CertificateAuthority(parts).issue(makePlan());
}

const revoke = ({ issuing }: SoftwareCa, serialNumber: string) =>
  stores.ledger.revoke(issuing.id, serialNumber, {
    reason: 'superseded',
    at: new Date(),
    by: 'test',
  });

/** Serial numbers, by a walk of our own over the octets. */
function listedOn(crl: { der: Uint8Array }): string[] {
  const [whole] = elementsIn(crl.der);
  const [toBeSigned] = elementsIn(whole?.content ?? crl.der);
  const list = [...elementsIn(toBeSigned?.content ?? crl.der)][5];
  if (list?.tag !== 0x30) return [];
  return [...elementsIn(list.content)].map(({ bytes }) =>
    octetsKey(readDer(bytes).children[0]?.content ?? bytes),
  );
}

/** What `openssl verify` says of a certificate with these CRLs, trusting the root alone. */
function verify({ root, issuing }: SoftwareCa, certificate: Uint8Array, ...crls: Uint8Array[]) {
  const pem = [
    ...[root, issuing].map(({ der }) => toPem(der)),
    ...crls.map((der) => toPem(der, 'X509 CRL')),
  ].join('');
  const [trusted, leaf] = [join(directory, 'trusted.pem'), join(directory, 'leaf.pem')];
  writeFileSync(trusted, pem);
  writeFileSync(leaf, toPem(certificate));
  const args = ['verify', '-x509_strict', '-crl_check', '-CAfile', trusted, leaf];
  const { stdout, stderr } = spawnSync('openssl', args, { timeout: 60_000 });
  return `${stdout}${stderr}`;
}

describe('a CRL of 200,000 entries', { timeout: 120_000 }, () => {
  const count = 200_000;
  let ca: SoftwareCa;
  let crl: Uint8Array;
  let good: Uint8Array;
  let bad: Uint8Array;
  const file = join(directory, 'large.crl');

  before(async () => {
    ca = await makeSoftwareCa({ type: 'RSA-3072' });
    insertRevoked({ sqlite, issuer: ca.issuing.id, count: count - 1 });
    const revoked = await issue(ca);
    await revoke(ca, revoked.serialNumber);
    ({ certificate: bad } = revoked);
    ({ certificate: good } = await issue(ca));
    ca.signer.onSign = () => assert.fail('the key was to sign a digest');
    crl = (await publisherOf(ca).current()).der;
    ca.signer.onSign = () => {};
    writeFileSync(file, crl);
  });

  test('is verified by OpenSSL, which finds all of them', () => {
    const issuer = join(directory, 'issuer.pem');
    writeFileSync(issuer, toPem(ca.issuing.der));
    const args = ['crl', '-inform', 'DER', '-in', file, '-noout', '-text', '-CAfile', issuer];
    const { stdout, stderr } = spawnSync('openssl', args, { maxBuffer: 2 ** 28 });
    assert.match(stderr.toString(), /verify OK/);
    const text = stdout.toString();
    assert.equal(text.match(/Serial Number: /g)?.length, count);
    for (const i of [0, 1, count - 2])
      assert.ok(text.includes(`Serial Number: ${revokedSerialNumber(i).toUpperCase()}\n`));
  });

  test('is looked up by OpenSSL: who is on it is revoked, and nobody else', () => {
    assert.match(verify(ca, good, crl), /: OK/);
    assert.match(verify(ca, bad, crl), /certificate revoked/);
  });
});

describe('a large CRL', { timeout: 60_000 }, () => {
  let ca: SoftwareCa;
  before(async () => {
    ca = await makeSoftwareCa();
    insertRevoked({ sqlite, issuer: ca.issuing.id, count: 25_000 });
  });

  test('is not made for who asks: the last one is the answer until it was made', async () => {
    const behind: number[] = [];
    const publisher = publisherOf(ca, { behind: ({ number }) => behind.push(number) });
    const last = await publisher.complete();
    assert.ok(last.der.length > largeCrl);
    await revoke(ca, (await issue(ca)).serialNumber);
    for (let i = 0; i < 3; i++) assert.equal((await publisher.current()).number, last.number);
    assert.deepEqual(behind, [last.number]);
    const [state] = await publisher.states();
    const made = await publisher.renew(state ?? assert.fail());
    assert.equal(made?.number, last.number + 1);
    assert.equal(await publisher.current(), made);
    assert.equal(listedOn(await publisher.current()).length, made?.revocations);
  });

  test('is made by one of several whose turn it is', async () => {
    await revoke(ca, (await issue(ca)).serialNumber);
    const publishers = Array.from({ length: 4 }, () => publisherOf(ca));
    const [state] = (await publishers[0]?.states()) ?? [];
    if (!state) assert.fail();
    const made = await Promise.all(publishers.map((publisher) => publisher.renew(state)));
    assert.equal(made.filter((each) => each !== undefined).length, 1);
    const numbers = await Promise.all(
      publishers.map(async (each) => (await each.current()).number),
    );
    assert.deepEqual(new Set(numbers), new Set([state.newest + 1]));
  });
});

describe('partitions', { timeout: 60_000 }, () => {
  test('hold together what the whole CRL holds, each certificate once', async () => {
    const ca = await makeSoftwareCa();
    const partitions = 5;
    const publisher = publisherOf(ca, { partitions });
    await publisher.open();
    insertRevoked({ sqlite, issuer: ca.issuing.id, count: 3000, partitions });
    const issued = await Promise.all(Array.from({ length: 40 }, () => issue(ca, partitions)));
    for (const { serialNumber } of issued.slice(0, 30)) await revoke(ca, serialNumber);
    const parts: string[][] = [];
    for (let each = 1; each <= partitions; each++) {
      const listed = listedOn(await publisher.current(each));
      assert.ok(listed.length > 500, `${listed.length} in partition ${each}`);
      parts.push(listed);
    }
    assert.deepEqual(parts.flat().sort(), listedOn(await publisher.current()));
    const file = join(directory, 'partition.crl');
    writeFileSync(file, (await publisher.current(2)).der);
    const text = execFileSync('certtool', ['--crl-info', '--inder', '--infile', file]).toString();
    assert.match(text, new RegExp(`Revoked certificates \\(${parts[1]?.length}\\):`));
  });

  test('are of those certificates that name them, as OpenSSL sees it', async () => {
    const ca = await makeSoftwareCa();
    const partitions = 2;
    const publisher = publisherOf(ca, { partitions });
    const issued = await Promise.all(Array.from({ length: 12 }, () => issue(ca, partitions)));
    const namedBy = ({ certificate }: { certificate: Uint8Array }) =>
      Number(
        /http:\/\/pki\.example\/crl\/ca\/(\d)\.crl/.exec(
          Buffer.from(certificate).toString('latin1'),
        )?.[1],
      );
    assert.deepEqual(new Set(issued.map(namedBy)), new Set([1, 2]));
    const revoked = issued.filter((_, i) => i % 2 === 0);
    for (const { serialNumber } of revoked) await revoke(ca, serialNumber);
    const crls = [await publisher.current(1), await publisher.current(2)];
    for (const each of issued) {
      const [own, other] = namedBy(each) === 1 ? crls : [...crls].reverse();
      const isListed = listedOn(own ?? assert.fail()).includes(each.serialNumber);
      assert.equal(isListed, revoked.includes(each));
      const said = verify(ca, each.certificate, own?.der ?? assert.fail());
      assert.match(said, isListed ? /certificate revoked/ : /: OK/);
      // That of the other partition says nothing about it.
      assert.match(
        verify(ca, each.certificate, other?.der ?? assert.fail()),
        /unable to get certificate CRL|different CRL scope/i,
      );
    }
  });

  test('stay when there are fewer of them, at the addresses they had', async () => {
    const ca = await makeSoftwareCa();
    const issued = await issue(ca, 8);
    await publisherOf(ca, { partitions: 8 }).open();
    const named = /ca\/(\d)\.crl/.exec(Buffer.from(issued.certificate).toString('latin1'))?.[1];
    await revoke(ca, issued.serialNumber);
    const moved = { partitions: 2, url: 'http://status.example/crl/ca.crl' };
    const publisher = publisherOf(ca, moved);
    const { der } = await publisher.current(Number(named));
    assert.deepEqual(listedOn({ der }), [issued.serialNumber]);
    assert.match(verify(ca, issued.certificate, der), /certificate revoked/);
    assert.equal((await publisher.states()).length, 9);
    assert.equal(await publisher.has(8), true);
    assert.equal(await publisher.has(9), false);
    await assert.rejects(publisher.current(9), RangeError);
  });

  test('of one are none: there is the whole CRL alone', async () => {
    const ca = await makeSoftwareCa();
    const { certificate } = await issue(ca, 1);
    assert.match(
      Buffer.from(certificate).toString('latin1'),
      /http:\/\/pki\.example\/crl\/ca\.crl/,
    );
    const publisher = publisherOf(ca, { partitions: 1 });
    assert.deepEqual(
      (await publisher.states()).map(({ partition }) => partition),
      [0],
    );
  });
});

describe('the thread', () => {
  for (const type of ['P-384', 'Ed25519', 'ML-DSA-44', 'RSA-3072-PSS'] as const)
    test(`has CRLs signed by a key that takes them whole: ${type}`, async () => {
      const ca = await makeSoftwareCa({ type });
      assert.equal((await publisherOf(ca).current()).number, 1);
    });

  test('passes on why there is no signature, and goes on', async () => {
    const ca = await makeSoftwareCa();
    ca.signer.reachable = false;
    await assert.rejects(publisherOf(ca).current(), SignerUnavailable);
    ca.signer.reachable = true;
    ca.signer.distort = (signature) => signature.map((octet, i) => (i < 8 ? octet : octet ^ 1));
    await assert.rejects(publisherOf(ca).current(), SignatureFault);
    ca.signer.distort = (signature) => signature;
    assert.equal((await publisherOf(ca).current()).number, 1);
  });

  test('gives up what it makes when the stores are closed, and leaves no lock behind', async () => {
    const ca = await makeSoftwareCa();
    const others = await open();
    const begun = Promise.withResolvers<void>();
    const { publicKey, algorithm } = ca.signer;
    const never = () => {
      begun.resolve();
      return new Promise<never>(() => {});
    };
    const signer = { publicKey, algorithm, available: true, sign: never };
    const { crls: store, crlMaker: maker } = others;
    const pending = publisherOf(ca, { signer, store, maker }).current();
    const ended = assert.rejects(pending, /thread has ended/);
    await begun.promise;
    await others.close();
    await ended;
    assert.equal((await publisherOf(ca).current()).number, 1);
  });

  test('several at the same time never use a number twice, nor go back', async () => {
    const ca = await makeSoftwareCa();
    const others = await open();
    const publishers = [stores, others, stores, others].map(({ crls: store, crlMaker: maker }) =>
      publisherOf(ca, { store, maker }),
    );
    let before = 0;
    for (let round = 0; round < 6; round++) {
      const { serialNumber } = await issue(ca);
      await revoke(ca, serialNumber);
      const crls = await Promise.all(publishers.map((publisher) => publisher.current()));
      for (const crl of crls) {
        assert.ok(crl.number > before && listedOn(crl).includes(serialNumber));
      }
      before = Math.max(...crls.map(({ number }) => number));
      const byNumber = new Map(crls.map(({ number, der }) => [number, octetsKey(der)]));
      for (const { number, der } of crls) assert.equal(byNumber.get(number), octetsKey(der));
    }
    await others.close();
  });
});

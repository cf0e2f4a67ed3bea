/**
 * The order of writes: the server is killed at each of its arrows, as a power cut would end it. Whatever was promised
 * before is kept after the restart, and nothing was given twice.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import type { Failpoint } from '../../ca/failpoint.ts';
import { BestowServer } from '../support/bestow.ts';
import { certificateOf, type EstAnswer, makeKey, post } from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';

/** What is on record after the end at each arrow; the empty list means that nothing was promised. */
const leftBehind: Record<Failpoint, readonly string[]> = {
  decided: [],
  'intent-recorded': ['intended'],
  signed: ['intended'],
  'certificate-checked': ['intended'],
  'certificate-recorded': ['valid'],
};
const failpoints = Object.keys(leftBehind) as Failpoint[];

const server = await BestowServer.init();
after(() => server[Symbol.asyncDispose]());

/** Every certificate a client ever got, by serial number. */
const released = new Map<string, string>();
const renewed = new Map<string, { certificate: string; key: string; request: Buffer }>();

const enrolling = (failpoint: Failpoint) => `enrolls-${failpoint}`;
const renewing = (failpoint: Failpoint) => `renews-${failpoint}`;
const passwords = await server.passwords([
  ...failpoints.map(enrolling),
  ...failpoints.map(renewing),
]);

before(async () => {
  await server.start();
  for (const device of failpoints.map(renewing)) {
    const { key, request } = makeKey();
    const certificate = take(await enroll(device, request(`/CN=${device}`)));
    renewed.set(device, { certificate, key, request: makeKey().request(`/CN=${device}`) });
  }
  await server.stop();
});

function enroll(device: string, request: Buffer): Promise<EstAnswer> {
  const password = passwords[device] ?? '';
  return post(`${server.est}/simpleenroll`, server.root, request, { user: device, password });
}

function reenroll(device: string): Promise<EstAnswer> {
  const { certificate, key, request } = renewed.get(device) ?? assert.fail();
  return post(`${server.est}/simplereenroll`, server.root, request, { certificate, key });
}

/** The certificate of an answer, noted as released; a serial number stands for one certificate only. */
function take(answer: EstAnswer): string {
  const certificate = certificateOf(answer);
  const { serialNumber } = new X509Certificate(certificate);
  assert.equal(released.get(serialNumber) ?? certificate, certificate);
  released.set(serialNumber, certificate);
  return certificate;
}

/** Sends a request to a server that kills itself at the failpoint; the signer process ends with it. */
async function dieAt(failpoint: Failpoint, send: () => Promise<EstAnswer>): Promise<void> {
  await server.start({ BESTOW_FAILPOINT: failpoint });
  const signer = Number(server.logLines({ msg: 'signer is up' }).at(-1)?.signerPid);
  assert.ok(isRunning(signer), `there is no signer process ${signer}`);
  await assert.rejects(send(), /socket hang up|ECONNRESET/);
  assert.equal(await server.ended(), 'SIGKILL');
  await eventually(() => !isRunning(signer), { what: `the end of the signer process ${signer}` });
}

/** A process that has ended but was not waited for counts as ended. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

async function certificatesOnRecord(device: string): Promise<string[]> {
  const rows = await server.json<{ status: string }[]>('cert', 'list', '--device', device);
  return rows.map(({ status }) => status);
}

async function passwordStates(device: string): Promise<string[]> {
  const rows = await server.json<{ state: string }[]>('otp', 'list', '--device', device);
  return rows.map(({ state }) => state);
}

for (const failpoint of failpoints) {
  const promised = leftBehind[failpoint];

  test(`enrollment, killed at ${failpoint}: one password, one certificate`, {
    timeout: 60_000,
  }, async () => {
    const device = enrolling(failpoint);
    const request = makeKey().request(`/CN=${device}`);
    const another = makeKey().request(`/CN=${device}`);
    await dieAt(failpoint, () => enroll(device, request));
    const [states, statuses] = await Promise.all([
      passwordStates(device),
      certificatesOnRecord(device),
    ]);
    assert.deepEqual(states, [promised.length === 0 ? 'unused' : 'spent']);
    assert.deepEqual(statuses, promised);

    await server.start();
    if (promised.length > 0) assert.equal((await enroll(device, another)).status, 401);
    const certificate = take(await enroll(device, request));
    assert.equal(take(await enroll(device, request)), certificate);
    assert.equal((await enroll(device, another)).status, 401);
    assert.deepEqual(await certificatesOnRecord(device), ['valid']);
    await server.stop();
  });

  test(`re-enrollment, killed at ${failpoint}: the same request finishes it`, {
    timeout: 60_000,
  }, async () => {
    const device = renewing(failpoint);
    await dieAt(failpoint, () => reenroll(device));
    assert.deepEqual(await certificatesOnRecord(device), [...promised, 'valid']);

    await server.start();
    const certificate = take(await reenroll(device));
    assert.notEqual(certificate, renewed.get(device)?.certificate);
    assert.equal(take(await reenroll(device)), certificate);
    assert.deepEqual(await certificatesOnRecord(device), ['valid', 'valid']);
    await server.stop();
  });
}

test('every certificate that was released is on record byte for byte, and no other', {
  timeout: 60_000,
}, async () => {
  const rows = storedCertificates();
  assert.deepEqual(
    rows.map(({ serialNumber }) => serialNumber).sort(),
    [...released.keys()].sort(),
  );
  assert.equal(rows.length, 3 * failpoints.length);
  for (const { serialNumber, certificate } of rows)
    assert.equal(new X509Certificate(certificate).toString(), released.get(serialNumber));
  const [[serialNumber, certificate] = assert.fail()] = released;
  assert.equal((await server.cli('cert', 'show', serialNumber, '--pem')).stdout, certificate);
});

/** Read past our own code. */
function storedCertificates(): { serialNumber: string; certificate: Uint8Array }[] {
  const database = new DatabaseSync(join(server.data, 'bestow.db'), { readOnly: true });
  const rows = database
    .prepare('SELECT serial_number, certificate FROM issuance WHERE subscriber IS NOT NULL')
    .all();
  database.close();
  return rows.map(({ serial_number, certificate }) => ({
    serialNumber: String(serial_number).toUpperCase(),
    certificate: certificate as Uint8Array,
  }));
}

/**
 * Each family of checks on what it is to judge, at the edges of its thresholds.
 */

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { EndpointCarrier } from '../../ca/certificate-profile.ts';
import { clockTolerance } from '../../ca/clock-guard.ts';
import { defaultEndpointArc } from '../../ca/extensions/upstream-endpoints.ts';
import type { IssuanceRecord } from '../../ca/issuance-ledger.ts';
import { defaultSettings, type GroupSettings } from '../../enrollment/group-settings.ts';
import type { Config } from '../../server/config.ts';
import { dataPaths } from '../../server/data-directory.ts';
import { examine } from './checks.ts';
import { clockFinding } from './clock.ts';
import { crlsFinding } from './crl.ts';
import { databaseFindings } from './database.ts';
import { endpointArcFinding } from './endpoint-arc.ts';
import { expiryFinding } from './expiry.ts';
import { checkFileModes } from './file-modes.ts';
import { type Finding, findingExitCodes, worstOf } from './finding.ts';
import { weaknessesOf } from './groups.ts';
import { intentsFinding } from './intents.ts';

const now = new Date('2030-01-01T00:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const day = 86_400;
const severityOf = ({ severity, action }: Finding) => {
  assert.equal(action === undefined, severity === 'ok', 'what is wrong has a remedy');
  return severity;
};

test('the worst finding counts', () => {
  const findings = (['ok', 'warn', 'info'] as const).map((severity) => ({ severity, message: '' }));
  assert.equal(worstOf(findings), 'warn');
  assert.equal(worstOf([]), 'ok');
  assert.deepEqual(findingExitCodes, { ok: 0, info: 10, warn: 11, critical: 12 });
});

test('what cannot be examined is critical, and hides nothing else', async () => {
  const config = { directory: 'nowhere', storage: { sqlite: 'nowhere' } } as Config;
  const stores = () => Promise.reject(new Error('no stores'));
  const findings = await examine({ config, now, stores });
  assert.ok(findings.length >= 8);
  for (const { severity, message } of findings) {
    assert.equal(severity, 'critical');
    assert.match(message, /cannot be examined: ./);
  }
});

test('clock', () => {
  const ahead = (milliseconds: number) => new Date(now.getTime() + milliseconds);
  assert.equal(severityOf(clockFinding(undefined, now)), 'ok');
  assert.equal(severityOf(clockFinding(now, now)), 'ok');
  assert.equal(severityOf(clockFinding(ahead(1), now)), 'warn');
  assert.equal(severityOf(clockFinding(ahead(clockTolerance), now)), 'warn');
  assert.equal(severityOf(clockFinding(ahead(clockTolerance + 1), now)), 'critical');
});

test('certificates', () => {
  const thresholds = { critical: 7, warn: 30, info: 60 };
  const at = (notAfter: Date, notBefore = now) =>
    severityOf(expiryFinding({ name: 'it', notBefore, notAfter, thresholds, action: 'do' }, now));
  assert.equal(at(later(60 * day + 1)), 'ok');
  assert.equal(at(later(60 * day)), 'info');
  assert.equal(at(later(30 * day)), 'warn');
  assert.equal(at(later(7 * day)), 'critical');
  assert.equal(at(now), 'critical');
  assert.equal(at(later(99 * day), later(1)), 'critical');
});

test('endpoint arc', () => {
  const at = (arc: string, carrier: EndpointCarrier = 'extension') => {
    const finding = endpointArcFinding(arc, carrier);
    return [severityOf(finding), /^(Go( and GnuTLS)?)? ?/.exec(finding.message)?.[1]];
  };
  assert.deepEqual(at('1.3.6.1.4.1.32473.1'), ['ok', undefined]);
  assert.deepEqual(at('2.25.2147483647'), ['ok', undefined]);
  assert.deepEqual(at('2.25.2147483648'), ['info', 'Go']);
  assert.deepEqual(at('2.25.18446744073709551615'), ['info', 'Go']);
  assert.deepEqual(at('2.25.18446744073709551616'), ['info', 'Go and GnuTLS']);
  assert.deepEqual(at(defaultEndpointArc, 'extension-and-sia'), ['info', 'Go and GnuTLS']);
  for (const carrier of ['sia', 'none'] as const)
    assert.deepEqual(at(defaultEndpointArc, carrier), ['ok', undefined]);
});

test('CRL', () => {
  const whole = { issuer: 'i', partition: 0, newest: 3, revocations: 5 };
  const edition = (nextUpdate: Date, revocations: number) => ({
    edition: { number: 3, thisUpdate: later(-9), nextUpdate, revocations, size: 100 },
  });
  const good = { ...whole, ...edition(later(1), 5) };
  const behind = { ...whole, ...edition(later(1), 3) };
  const ended = { ...whole, partition: 7, ...edition(now, 5) };
  const at = (...states: Parameters<typeof crlsFinding>[0]) => {
    const finding = crlsFinding(states, now);
    return [severityOf(finding), /\((\d+ of \d+) CRLs\)$/.exec(finding.message)?.[1]];
  };
  assert.deepEqual(at({ ...whole, newest: 0, revocations: 0 }), ['ok', undefined]);
  assert.deepEqual(at({ ...whole, newest: 0, revocations: 1 }), ['warn', undefined]);
  assert.deepEqual(at(good), ['ok', undefined]);
  assert.deepEqual(at(behind), ['info', undefined]);
  assert.deepEqual(at(ended), ['warn', undefined]);
  assert.deepEqual(at(good, good), ['ok', '2 of 2']);
  assert.deepEqual(at(good, ended, behind, ended), ['warn', '2 of 4']);
  assert.match(crlsFinding([good, ended], now).message, /^CRL 3 of partition 7 ended/);
});

test('database', () => {
  const sound = { journalMode: 'wal', synchronous: 2, foreignKeys: true, damage: [] };
  const worst = (changes: object) => worstOf(databaseFindings({ ...sound, ...changes }, 'file'));
  assert.equal(worst({}), 'ok');
  for (const change of [
    { journalMode: 'delete' },
    { synchronous: 1 },
    { foreignKeys: false },
    { damage: ['row 3 missing from index'] },
  ])
    assert.equal(worst(change), 'critical', JSON.stringify(change));
});

test('intents: those that could still become certificates', () => {
  const record = (notAfter: Date) =>
    ({ serialNumber: '01', recordedAt: later(-9999), notAfter }) as IssuanceRecord;
  assert.equal(severityOf(intentsFinding([], now)), 'ok');
  assert.equal(severityOf(intentsFinding([record(now)], now)), 'ok');
  const finding = intentsFinding([record(later(1)), record(now)], now);
  assert.equal(severityOf(finding), 'warn');
  assert.match(finding.message, /^1 never became .* 01 for no device/);
});

test('groups', () => {
  const of = (changes: Partial<GroupSettings>) =>
    weaknessesOf('line-4', { ...defaultSettings, ...changes })
      .map(severityOf)
      .join();
  assert.equal(of({}), '');
  assert.equal(of({ serverKeyDelivery: 'plain-allowed' }), '');
  assert.equal(of({ serverKeyDelivery: 'plain-allowed', serverKeys: 'platform' }), 'warn');
  assert.equal(of({ linking: 'off' }), 'info');
  assert.equal(of({ linking: 'off', passwordOnly: false }), '');
  assert.equal(of({ linking: 'off', credentials: 'certificate' }), '');
  const legacy = { linking: 'off', challengePassword: 'one-time-password' } as const;
  assert.equal(of(legacy), 'warn,warn,info');
  assert.equal(of({ ...legacy, passwordOnly: false }), 'warn');
  assert.equal(of({ cmcSharedSecret: true }), 'info');
  const [finding] = weaknessesOf('line-4', { ...defaultSettings, cmcSharedSecret: true });
  assert.match(finding?.action ?? '', /bestow group set line-4 --cmc-shared-secret off$/);
});

describe('files', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bestow-doctor-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  const paths = dataPaths(directory);
  const pin = join(directory, 'elsewhere', 'pin');
  const brokerKey = join(directory, 'broker-key.pem');
  const sqlite = join(directory, 'bestow.db');
  const config = {
    directory,
    tokens: { default: { pin: { file: pin } } },
    pepper: { file: paths.pepper },
    storage: { sqlite },
    events: { brokers: { 'broker.example:8883': { key: { file: brokerKey } } } },
  } as unknown as Config;
  const files = [
    pin,
    brokerKey,
    paths.pepper,
    paths.serverKey,
    paths.root,
    paths.serverChain,
    sqlite,
  ];
  for (const file of files) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '', { mode: 0o600 });
  }
  const findings = () =>
    checkFileModes({ config, now, stores: () => Promise.reject(new Error('not needed')) });
  const rows: readonly (readonly [
    path: string,
    mode: number,
    closed: number,
    bad: RegExp | null,
  ])[] = [
    [pin, 0o640, 0o700, /can read .*pin$/],
    [brokerKey, 0o644, 0o700, /can read .*broker-key.pem$/],
    [paths.pepper, 0o604, 0o700, /can read .*pepper$/],
    [paths.serverKey, 0o660, 0o700, /can read .*server-key.pem$/],
    [paths.root, 0o644, 0o700, null],
    [paths.root, 0o664, 0o700, /can change .*root.pem$/],
    [paths.serverChain, 0o646, 0o700, /can change .*server.pem$/],
    [sqlite, 0o644, 0o700, null],
    [sqlite, 0o644, 0o711, /can read .*bestow.db$/],
    [sqlite, 0o600, 0o711, null],
  ];
  for (const [path, mode, closed, bad] of rows)
    test(`${path.slice(directory.length)} ${mode.toString(8)} in ${closed.toString(8)}`, () => {
      chmodSync(path, mode);
      chmodSync(directory, closed);
      const [finding, ...more] = findings();
      assert.equal(more.length, 0);
      assert.ok(finding);
      assert.equal(severityOf(finding), bad ? 'critical' : 'ok', finding.message);
      if (bad) assert.match(finding.message, bad);
      chmodSync(path, 0o600);
      chmodSync(directory, 0o700);
    });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BootstrapCredential } from '../../enrollment/bootstrap-credential.ts';
import { bootstrapFindings } from './bootstrap-credentials.ts';

const now = new Date('2030-01-01T00:00:00Z');
const days = (count: number) => new Date(now.getTime() + count * 86_400_000);
const credential: BootstrapCredential = {
  id: 'boot-0123456789',
  group: 'batch',
  quota: 50,
  uses: 7,
  state: 'active',
  notBefore: now,
  notAfter: days(30),
  createdAt: now,
  createdBy: 'ann',
};

const cases: readonly [what: string, Partial<BootstrapCredential>, readonly [string, RegExp][]][] =
  [
    ['one for few, or for a short time, is well', {}, []],
    ['for many and a short time', { quota: 5000, notAfter: days(30) }, []],
    ['for few and a long time', { quota: 50, notAfter: days(300) }, []],
    [
      'for many and a long time',
      { quota: 51, notAfter: days(31) },
      [['warn', /shared by 51 devices and open for 31 days/]],
    ],
    ['used up', { uses: 50 }, [['info', /used up by 50/]]],
    [
      'used up, and more came',
      { uses: 50, exceededAt: days(-1) },
      [['warn', /more have come.*stranger/]],
    ],
    ['near its end', { notAfter: days(7) }, [['info', /43 of 50 devices have not come/]]],
    ['over', { notAfter: days(-1), notBefore: days(-99), quota: 5000 }, []],
    ['revoked', { state: 'revoked', quota: 5000, notAfter: days(300) }, []],
  ];

for (const [what, change, expected] of cases)
  test(what, () => {
    const findings = bootstrapFindings({ ...credential, ...change }, now);
    assert.deepEqual(
      findings.map(({ severity }) => severity),
      expected.map(([severity]) => severity),
    );
    for (const [i, [, says]] of expected.entries()) {
      assert.match(findings[i]?.message ?? '', says);
      assert.match(findings[i]?.action ?? '', /bestow bootstrap/);
    }
  });

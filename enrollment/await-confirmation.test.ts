import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCertificateRequest } from '../ca/certificate-request.ts';
import { encodeSubject } from '../ca/distinguished-name.ts';
import { Refusal } from '../ca/refusal.ts';
import { forgeRequest } from '../test/support/forged-request.ts';
import { ApprovalPending, TooManyRequestsPending } from './approvals.ts';
import type { Caller } from './authenticator.ts';
import type { AuthorizedIssuance } from './authorize.ts';
import { awaitConfirmation, needsConfirmation } from './await-confirmation.ts';
import { defaultSettings, type GroupSettings } from './group-settings.ts';
import { ShownCodes } from './shown-code.ts';
import type { StagedDevice, StagedRequest, StagingOutcome } from './staging-area.ts';

const callerOf = (
  settings: Partial<GroupSettings> = {},
  changes: Partial<Caller> = {},
): Caller => ({
  device: {
    id: 'pump-7',
    tenant: 'acme',
    group: 'field',
    names: [],
    status: 'active',
    role: 'device',
    context: { model: 'P7' },
  },
  tenant: { id: 'acme', endpoints: [], suspended: false },
  group: {
    label: 'field',
    tenant: 'acme',
    settings: { ...defaultSettings, trust: 'staging', ...settings },
  },
  credential: { kind: 'one-time-password', id: 'otp-1' },
  ...changes,
});

/** What was asked for, and how it ended. */
async function asked(
  outcome: Partial<StagingOutcome>,
  caller = callerOf(),
  shown: { subject?: string; names?: readonly string[] } = {},
): Promise<{ request?: StagedRequest; error: unknown }> {
  const request = await parseCertificateRequest(forgeRequest());
  let sought: StagedRequest | undefined;
  const seek = async (staged: StagedRequest) => {
    sought = staged;
    return outcome as StagingOutcome;
  };
  const { subject = 'x', names = [] } = shown;
  const order = {
    authorized: { caller } as AuthorizedIssuance,
    request: {
      ...request,
      subjectAttributes: [{ type: 'commonName', text: subject }] as never,
      subjectAltNames: names,
    },
    source: '192.0.2.1',
    requestId: 'r',
  };
  const waiting = { retryAfter: 7, validity: 100 };
  const error = await awaitConfirmation(order, { stagingArea: { seek }, waiting }).catch((e) => e);
  return { ...(sought ? { request: sought } : {}), error };
}

const waits = { kind: 'waits', staged: { id: 'req-1' } as StagedDevice } as const;

describe('who waits for a person', () => {
  test('is whoever comes first, by whatever it comes with', () => {
    const kinds = {
      'one-time-password': true,
      'factory-certificate': true,
      'bootstrap-credential': true,
      'request-key': true,
      'client-certificate': false,
      'registration-authority': false,
      operator: false,
    } as const;
    for (const [kind, expected] of Object.entries(kinds)) {
      const credential = { kind: kind as keyof typeof kinds, id: 'x' };
      assert.equal(needsConfirmation(callerOf({}, { credential })), expected, kind);
      assert.equal(needsConfirmation(callerOf({ trust: 'ca' }, { credential })), false, kind);
    }
    const relayedBy = callerOf().device;
    assert.equal(needsConfirmation(callerOf({}, { relayedBy })), false);
  });

  test('is told how it stands', async () => {
    const pending = (await asked(waits)).error;
    assert.ok(pending instanceof ApprovalPending);
    assert.deepEqual([pending.retryAfter, pending.approval], [7, 'req-1']);
    const full = (await asked({ kind: 'too-many-pending', reason: 'Full.' })).error;
    assert.ok(full instanceof TooManyRequestsPending && full.message === 'Full.');
    const staged = { id: 'req-1', reason: 'Not ours.' } as StagedDevice;
    const rejected = (await asked({ kind: 'rejected', staged })).error;
    assert.ok(rejected instanceof Refusal && rejected.code === 'approval-rejected');
    assert.match(rejected.message, /Not ours\.$/);
    const refused = (await asked({ kind: 'refused', code: 'key-banned', reason: 'B.' })).error;
    assert.ok(refused instanceof Refusal && refused.code === 'key-banned');
  });

  test('is not stored without the code that its group wants to see', async () => {
    const { request, error } = await asked(waits, callerOf({ possession: 'shown-code' }));
    assert.equal(request, undefined);
    assert.ok(error instanceof Refusal && error.code === 'unauthenticated');
    const shown = callerOf({ possession: 'shown-code' }, { shownCode: 'hash' });
    assert.equal((await asked(waits, shown)).request?.codeHash, 'hash');
  });

  test('is shown as it can be read, and no longer than that', async () => {
    const { request } = await asked(waits, callerOf(), {
      subject: `a\u202eb\u200bc${'d'.repeat(1000)}`,
      names: Array.from({ length: 40 }, (_, i) => `DNS:\n${'n'.repeat(300)}${i}`),
    });
    assert.match(request?.subject ?? '', /^commonName=a\\u\{?202e\}?b\\u\{?200b\}?cd+\.\.\.$/);
    assert.ok((request?.subject.length ?? 0) <= 259);
    assert.equal(request?.names.length, 17);
    assert.equal(request?.names.at(-1), 'and 24 more');
    assert.ok(request?.names.every((name) => name.length <= 259 && !name.includes('\n')));
    assert.equal(request?.model, 'P7');
    const odd = '\u0000\u001b\u2028\u2029\ud800';
    const escaped = '\\u{0}\\u{1b}\\u{2028}\\u{2029}\\u{d800}';
    const strange = (await asked(waits, callerOf({}, { model: odd }))).request;
    assert.equal(strange?.model, escaped);
    // Whatever it is written as, it is no longer than what is readable.
    const long = (await asked(waits, callerOf({}, { model: '\n'.repeat(256) }))).request;
    assert.deepEqual([long?.model?.length, long?.model?.slice(-5)], [259, '}\\...']);
    const certificate = {
      model: 'P8',
      factorySubject: encodeSubject({ commonName: 'Mak\u202eer' }),
    };
    const made = (await asked(waits, callerOf({}, certificate))).request;
    assert.deepEqual([made?.model, made?.factorySubject], ['P8', 'commonName=Mak\\u{202e}er']);
  });
});

describe('a code that a device shows', () => {
  const codes = new ShownCodes(Buffer.from('pepper'));

  test('is the same however it is written, and another with another key', () => {
    const one = codes.conceal('4831-902-7752', 'key');
    assert.match(one, /^[0-9a-f]{64}$/);
    assert.equal(codes.conceal('48319027752', 'key'), one);
    assert.notEqual(codes.conceal('48319027752', 'other'), one);
    assert.notEqual(new ShownCodes(Buffer.from('salt')).conceal('48319027752', 'key'), one);
  });

  test('is refused where it is mistyped, or none', () => {
    for (const text of ['48319027753', '4831902775', 'open sesame', ''])
      assert.throws(() => codes.conceal(text, 'key'), { code: 'mistyped-code' });
  });
});

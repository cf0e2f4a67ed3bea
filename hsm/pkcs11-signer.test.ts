import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { after, afterEach, describe, test } from 'node:test';
import { caKeyTypes, SignerUnavailable } from '../ca/signer.ts';
import { eventually } from '../test/support/eventually.ts';
import { fixtureToken, flipped, withFaults } from '../test/support/softhsm-fixture.ts';
import { createSoftHsmToken } from './create-softhsm-token.ts';
import { type Cryptoki, ck } from './cryptoki.ts';
import { generateKey } from './generate-key.ts';
import { openSigners } from './open-signers.ts';
import { type OpenToken, openToken } from './open-token.ts';
import { Pkcs11Fault, pkcs11Code } from './pkcs11-fault.ts';
import type { Pkcs11Signer } from './pkcs11-signer.ts';
import { ecCurves, fromSpki, keyIdentifier } from './public-key.ts';
import { signatureVerifies } from './signature-algorithm.ts';
import type { TokenConfig } from './token-config.ts';
import type { TokenFault } from './token-fault.ts';
import type { TokenKey } from './token-key.ts';

const fixture = fixtureToken();
const { cryptoki } = fixture;
after(() => fixture.remove());

let opened: OpenToken | undefined;
afterEach(() => {
  opened?.close();
  opened = undefined;
});

interface OpenOptions {
  readonly limits?: Partial<TokenConfig>;
  readonly library?: Cryptoki;
  readonly pinRefused?: string;
  readonly onFault?: (fault: TokenFault) => void;
}

async function openAll(keys: TokenKey[], options: OpenOptions = {}): Promise<Pkcs11Signer[]> {
  const { limits, library = cryptoki, pinRefused, onFault } = options;
  const config = { ...fixture.config, ...limits };
  try {
    opened = openToken(library, config, pinRefused === undefined ? {} : { pinRefused });
    return await openSigners(opened, config, keys, onFault);
  } catch (error) {
    opened?.close();
    opened = undefined;
    throw error;
  }
}

async function open(key: TokenKey, options: OpenOptions = {}): Promise<Pkcs11Signer> {
  const [signer] = await openAll([key], options);
  assert.ok(signer);
  return signer;
}

async function assertSigns(signer: Pkcs11Signer, message = randomBytes(300)): Promise<void> {
  const signature = await signer.sign(message);
  assert.ok(signatureVerifies(signer.algorithm, fromSpki(signer.publicKey), message, signature));
}

const slotOf = () => {
  const found = cryptoki.tokens().find((token) => token.label === 'test token');
  assert.ok(found);
  return found.slot;
};

const fault = (call: string, name: string) => new Pkcs11Fault(call, pkcs11Code(name));
const ec = await fixture.addKey('P-256', 'ec');
const slow = (async: boolean): Partial<Cryptoki> =>
  async
    ? {
        async signAsync(...call) {
          const signature = await cryptoki.signAsync(...call);
          await new Promise((resolve) => setTimeout(resolve, 2));
          return signature;
        },
      }
    : {};

for (const type of caKeyTypes) {
  test(`${type}: generated, protected, and 20 concurrent signatures verify`, async () => {
    const key = await fixture.addKey(type, `key ${type}`);
    const signer = await open(key);
    await Promise.all(Array.from({ length: 20 }, () => assertSigns(signer)));
    const session = cryptoki.openSession(slotOf(), 'read-only');
    const found = cryptoki.findObjects(session, [[ck.CKA_LABEL, key.label]], 9);
    assert.equal(found.length, 2);
    for (const object of found) {
      const [id] = cryptoki.attributes(session, object, [ck.CKA_ID]);
      assert.deepEqual(id, keyIdentifier(key.publicKey));
    }
    const template = [
      [ck.CKA_LABEL, key.label],
      [ck.CKA_TOKEN, true],
      [ck.CKA_PRIVATE, true],
      [ck.CKA_SENSITIVE, true],
      [ck.CKA_EXTRACTABLE, false],
      [ck.CKA_SIGN, true],
    ] as const;
    assert.equal(cryptoki.findObjects(session, template, 9).length, 1);
  });
}

for (const async of [false, true]) {
  describe(async ? 'on threads' : 'on the event loop', () => {
    const library = withFaults(cryptoki, slow(async));

    test('200 concurrent signatures verify', async () => {
      const signer = await open(ec, { library });
      await Promise.all(Array.from({ length: 200 }, () => assertSigns(signer)));
    });

    test('all sessions closed: each recovers with one retry', async () => {
      const signer = await open(ec, { library });
      cryptoki.closeAllSessions(slotOf());
      await Promise.all(Array.from({ length: 20 }, () => assertSigns(signer)));
    });

    test('a session that stays lost is tried twice, then is a fault of the module', async () => {
      let lost = false;
      let tries = 0;
      const lose = (): void => {
        if (!lost) return;
        tries += 1;
        throw fault('C_SignInit', 'CKR_SESSION_HANDLE_INVALID');
      };
      const failing = withFaults(cryptoki, {
        sign: (...call) => {
          lose();
          return cryptoki.sign(...call);
        },
        signAsync: async (...call) => {
          lose();
          return (await slow(async).signAsync?.(...call)) ?? cryptoki.signAsync(...call);
        },
      });
      const signer = await open(ec, { library: failing });
      lost = true;
      await assert.rejects(signer.sign(randomBytes(9)), SignerUnavailable);
      assert.equal(tries, 2);
    });
  });
}

test('a label is used once; two private keys of one label are refused', async () => {
  const key = await fixture.addKey('P-256', 'twice');
  await assert.rejects(fixture.addKey('P-256', 'twice'), /already has an object/);
  const token = openToken(cryptoki, fixture.config, { access: 'read-write' });
  await generateKey(token, 'other', 'P-256');
  const [other] = cryptoki.findObjects(
    token.session,
    [
      [ck.CKA_LABEL, 'other'],
      [ck.CKA_CLASS, ck.CKO_PRIVATE_KEY],
    ],
    1,
  );
  assert.ok(other);
  cryptoki.setAttributes(token.session, other, [[ck.CKA_LABEL, 'twice']]);
  token.close();
  await assert.rejects(open(key), /several private keys labelled twice/);
});

test('a missing key, another key and a key that can leave are refused', async () => {
  const missing = open({ ...ec, label: 'none' });
  await assert.rejects(missing, {
    kind: 'key',
    message: /no private key labelled none \(key none, certificate ec\.pem\)/,
  });
  const other = await fixture.addKey('P-256', 'stranger');
  const mismatch = open({ ...ec, publicKey: other.publicKey });
  await assert.rejects(mismatch, {
    kind: 'key',
    message: /not the one in the certificate \(key ec, certificate ec\.pem\)/,
  });
  for (const [sensitive, extractable, sign, complaint] of [
    [true, true, true, /CKA_EXTRACTABLE/],
    [false, false, true, /CKA_SENSITIVE/],
    [true, false, false, /CKA_SIGN/],
  ] as const) {
    const label = `weak ${sensitive} ${extractable} ${sign}`;
    const token = openToken(cryptoki, fixture.config, { access: 'read-write' });
    await cryptoki.generateKeyPair(
      token.session,
      ck.CKM_EC_KEY_PAIR_GEN,
      [
        [ck.CKA_TOKEN, true],
        [ck.CKA_LABEL, label],
        [ck.CKA_EC_PARAMS, ecCurves['P-256'].parameters],
      ],
      [
        [ck.CKA_TOKEN, true],
        [ck.CKA_PRIVATE, true],
        [ck.CKA_LABEL, label],
        [ck.CKA_SIGN, sign],
        [ck.CKA_SENSITIVE, sensitive],
        [ck.CKA_EXTRACTABLE, extractable],
      ],
    );
    token.close();
    await assert.rejects(open({ ...ec, label }), { message: complaint });
  }
});

test('a flipped bit in a test signature stops the start', async () => {
  const flipping = withFaults(cryptoki, {
    signAsync: async (...call) => flipped(await cryptoki.signAsync(...call)),
  });
  const starting = open(ec, { library: flipping });
  await assert.rejects(starting, { kind: 'key', message: /does not verify/ });
});

for (const name of ['CKR_PIN_INCORRECT', 'CKR_PIN_LOCKED']) {
  test(`${name}: one login, whatever is lost afterwards; the PIN is in no error`, async () => {
    let logins = 0;
    let refusing = true;
    const library = withFaults(cryptoki, {
      login: (...call) => {
        logins += 1;
        if (refusing) throw fault('C_Login', name);
        cryptoki.login(...call);
      },
    });
    const { pinRefused } = fixture;
    const start = () => open(ec, { library, pinRefused });
    await assert.rejects(start(), (error: TokenFault) => {
      assert.equal(error.kind, 'credential');
      return !String(error.stack).includes(fixture.pin);
    });
    await assert.rejects(start(), { kind: 'credential', message: /not tried again/ });
    assert.equal(logins, 1);

    refusing = false;
    const faults: TokenFault[] = [];
    const onFault = (reported: TokenFault) => faults.push(reported);
    const signer = await open(ec, { library, onFault });
    assert.equal(logins, 2);
    refusing = true;
    cryptoki.closeAllSessions(slotOf());
    const signing = Array.from({ length: 9 }, () => signer.sign(randomBytes(9)));
    const results = await Promise.allSettled(signing);
    assert.ok(results.every((result) => result.status === 'rejected'));
    await assert.rejects(signer.sign(randomBytes(9)), SignerUnavailable);
    assert.equal(logins, 3, 'one more, refused, and then never again');
    assert.deepEqual(
      faults.map((reported) => reported.kind),
      ['credential'],
    );
    rmSync(pinRefused);
  });
}

test('a failing device is reported once; a request the token refuses is not', async () => {
  let answer = 'CKR_DATA_LEN_RANGE';
  let broken = false;
  const fail = (): void => {
    if (broken) throw fault('C_Sign', answer);
  };
  const library = withFaults(cryptoki, {
    sign: (...call) => {
      fail();
      return cryptoki.sign(...call);
    },
    signAsync: async (...call) => {
      fail();
      return cryptoki.signAsync(...call);
    },
  });
  const faults: TokenFault[] = [];
  const onFault = (reported: TokenFault) => faults.push(reported);
  const signer = await open(ec, { library, onFault });
  broken = true;
  await assert.rejects(signer.sign(randomBytes(9)), Pkcs11Fault);
  assert.equal(faults.length, 0);
  answer = 'CKR_DEVICE_ERROR';
  await assert.rejects(signer.sign(randomBytes(9)), SignerUnavailable);
  await assert.rejects(signer.sign(randomBytes(9)), SignerUnavailable);
  assert.deepEqual(
    faults.map((reported) => reported.kind),
    ['module'],
  );
  await assert.rejects(signer.signDigest(randomBytes(31)), RangeError);
});

test('several keys of one token: each signs by itself, and all fail with the token', async () => {
  const keys = [ec, await fixture.addKey('P-384', 'second')];
  let broken = false;
  const fail = (): void => {
    if (broken) throw fault('C_Sign', 'CKR_DEVICE_ERROR');
  };
  const library = withFaults(cryptoki, {
    sign: (...call) => {
      fail();
      return cryptoki.sign(...call);
    },
    signAsync: async (...call) => {
      fail();
      return cryptoki.signAsync(...call);
    },
  });
  const faults: TokenFault[] = [];
  const onFault = (reported: TokenFault) => faults.push(reported);
  const [first, second] = await openAll(keys, { library, onFault });
  assert.ok(first && second);
  await Promise.all([assertSigns(first), assertSigns(second), assertSigns(first)]);
  assert.deepEqual([first.publicKey, second.publicKey], [ec.publicKey, keys[1]?.publicKey]);
  broken = true;
  await assert.rejects(first.sign(randomBytes(9)), SignerUnavailable);
  broken = false;
  assert.equal(second.available, false);
  await assert.rejects(second.sign(randomBytes(9)), SignerUnavailable);
  assert.equal(faults.length, 1);
});

test('a signature that does not come in time is a fault; those behind it are refused', async () => {
  let hung = false;
  const library = withFaults(cryptoki, {
    signAsync: async (...call) => {
      const signature = await (slow(true).signAsync ?? cryptoki.signAsync)(...call);
      return hung ? new Promise<never>(() => undefined) : signature;
    },
  });
  const faults: TokenFault[] = [];
  const onFault = (reported: TokenFault) => faults.push(reported);
  const limits = { deadline: 100, sessions: 1 };
  const signer = await open(ec, { limits, library, onFault });
  hung = true;
  const signing = Array.from({ length: 9 }, () => signer.sign(randomBytes(9)));
  const results = await Promise.allSettled(signing);
  for (const result of results) {
    assert.ok(result.status === 'rejected' && result.reason instanceof SignerUnavailable);
  }
  assert.match(faults[0]?.message ?? '', /did not sign within 100 ms/);
});

test('no token or several of the label, and several public halves, are refused', async () => {
  const twice = withFaults(cryptoki, {
    tokens: () => [...cryptoki.tokens(), ...cryptoki.tokens()],
  });
  await assert.rejects(open(ec, { library: twice }), /several tokens are labelled "test token"/);
  const none = open(ec, { limits: { token: 'none' } });
  await assert.rejects(none, { kind: 'module', message: /token "none" is not there/ });
  const key = await fixture.addKey('P-256', 'doubled');
  const token = openToken(cryptoki, fixture.config, { access: 'read-write' });
  await generateKey(token, 'double', 'P-256');
  const [half] = cryptoki.findObjects(
    token.session,
    [
      [ck.CKA_LABEL, 'double'],
      [ck.CKA_CLASS, ck.CKO_PUBLIC_KEY],
    ],
    1,
  );
  assert.ok(half);
  cryptoki.setAttributes(token.session, half, [[ck.CKA_ID, keyIdentifier(key.publicKey)]]);
  token.close();
  await assert.rejects(open(key), /several public keys/);
});

test('a marker that cannot be written does not hide that the PIN was refused', async () => {
  let logins = 0;
  const library = withFaults(cryptoki, {
    login: () => {
      logins += 1;
      throw fault('C_Login', 'CKR_PIN_INCORRECT');
    },
  });
  const start = open(ec, { library, pinRefused: `${fixture.pinFile}/marker` });
  await assert.rejects(start, { kind: 'credential', message: /could not be written/ });
  assert.equal(logins, 1);
});

test('callers beyond the bound are turned away at once; an urgent one goes first', async () => {
  const order: string[] = [];
  const library = withFaults(cryptoki, slow(true));
  const signer = await open(ec, { limits: { sessions: 1 }, library });
  const signing = Array.from({ length: 2100 }, (_, i) =>
    signer.sign(randomBytes(9)).then(
      () => order.push(`signed ${i}`),
      (error: Error) => order.push(error.message),
    ),
  );
  await eventually(() => order.length > 0);
  const turnedAway = order.filter((entry) => entry.includes('too many'));
  assert.ok(turnedAway.length >= 99, `${turnedAway.length} turned away`);
  await signer.signDigest(randomBytes(32), true);
  assert.ok(order.length < 200, 'the urgent one did not wait for all');
  await Promise.all(signing);
});

test('a token is never made over another one; its directory is private', () => {
  const { directory, pin } = fixture;
  assert.throws(() => createSoftHsmToken({ directory, label: 'x', pin }), /it is not replaced/);
  const label = 'x'.repeat(33);
  assert.throws(() => createSoftHsmToken({ directory, label, pin }), /1 to 32 bytes/);
  assert.equal(statSync(`${directory}/tokens`).mode & 0o777, 0o700);
  assert.equal(statSync(`${directory}/softhsm2.conf`).mode & 0o777, 0o600);
});

test('a session that becomes free too late is no fault; a broken token is not asked again', async () => {
  let delay = 2;
  let calls = 0;
  let broken = false;
  const library = withFaults(cryptoki, {
    async signAsync(...call) {
      calls += 1;
      await new Promise((resolve) => setTimeout(resolve, delay));
      if (broken) throw fault('C_Sign', 'CKR_DEVICE_ERROR');
      return cryptoki.signAsync(...call);
    },
  });
  const faults: TokenFault[] = [];
  const onFault = (reported: TokenFault) => faults.push(reported);
  const limits = { deadline: 400, sessions: 1 };
  const signer = await open(ec, { limits, library, onFault });
  const all = () =>
    Promise.allSettled(Array.from({ length: 9 }, () => signer.sign(randomBytes(9))));
  delay = 150;
  const late = await all();
  const refused = late.filter((result) => result.status === 'rejected');
  assert.ok(refused.length >= 4, `${refused.length} refused`);
  assert.ok(refused.every(({ reason }) => /free in time/.test(reason.message)));
  assert.equal(faults.length, 0);
  broken = true;
  calls = 0;
  await all();
  assert.equal(calls, 1);
  assert.equal(faults.length, 1);
});

import assert from 'node:assert/strict';
import { createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import { rmSync } from 'node:fs';
import { after, afterEach, test } from 'node:test';
import { type KeyKind, keyKinds } from '../ca/key-kinds.ts';
import { SignerUnavailable } from '../ca/signer.ts';
import { openssl } from '../test/support/est-client.ts';
import { fixtureToken, withFaults } from '../test/support/softhsm-fixture.ts';
import { type Cryptoki, ck } from './cryptoki.ts';
import type { GeneratedKey } from './generated-key.ts';
import { type OpenToken, openToken } from './open-token.ts';
import { Pkcs11Fault, pkcs11Code } from './pkcs11-fault.ts';
import { Pkcs11KeyGenerator } from './pkcs11-key-generator.ts';
import { ecPrivateKeyInfo } from './private-key-info.ts';
import { proveGeneratedKey } from './prove-generated-key.ts';
import type { TokenFault } from './token-fault.ts';

const fixture = fixtureToken();
const { cryptoki } = fixture;
await fixture.addKey('P-256', 'issuing');
after(() => fixture.remove());

let token: OpenToken | undefined;
let faults: TokenFault[] = [];
afterEach(() => {
  token?.close();
  token = undefined;
  faults = [];
  rmSync(fixture.pinRefused, { force: true });
});

function open(changes: Partial<Cryptoki> = {}): Pkcs11KeyGenerator {
  token = openToken(withFaults(cryptoki, changes), fixture.config, {
    pinRefused: fixture.pinRefused,
  });
  return new Pkcs11KeyGenerator(token, (fault) => faults.push(fault));
}

/** Everything that any session of this process can see. */
function objects(): number {
  const { session } = token ?? assert.fail();
  return cryptoki.findObjects(session, [], 100).length;
}

function assertWhole(kind: KeyKind, { subjectPublicKeyInfo, privateKeyInfo }: GeneratedKey): void {
  const check = openssl(['pkey', '-inform', 'DER', '-check', '-noout'], privateKeyInfo);
  assert.match(check.toString(), /Key is valid/);
  const half = openssl(['pkey', '-inform', 'DER', '-pubout', '-outform', 'DER'], privateKeyInfo);
  assert.deepEqual(half, subjectPublicKeyInfo, kind);
  const publicKey = createPublicKey({ key: half, format: 'der', type: 'spki' });
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey;
  const curves: Record<string, string> = {
    prime256v1: 'P-256',
    secp384r1: 'P-384',
    secp521r1: 'P-521',
  };
  const made =
    type === 'rsa'
      ? `RSA-${details?.modulusLength}`
      : (curves[details?.namedCurve ?? ''] ?? 'Ed25519');
  assert.equal(made, kind);
}

const fault = (call: string, name: string) => new Pkcs11Fault(call, pkcs11Code(name));

/** Counts the sessions that are open, and the objects that were destroyed by name. */
function sessionCounter() {
  const counter = { open: 0, destroyed: 0 };
  const changes: Partial<Cryptoki> = {
    openSession: (...call) => {
      counter.open += 1;
      return cryptoki.openSession(...call);
    },
    closeSession: (...call) => {
      counter.open -= 1;
      cryptoki.closeSession(...call);
    },
    destroyObject: (...call) => {
      counter.destroyed += 1;
      cryptoki.destroyObject(...call);
    },
  };
  return { counter, changes };
}

for (const kind of keyKinds) {
  test(`${kind}: the pair is whole, and neither object nor session stays in the token`, async () => {
    const { counter, changes } = sessionCounter();
    const generator = open(changes);
    const before = objects();
    assertWhole(kind, await generator.generate(kind));
    assert.equal(objects(), before);
    assert.deepEqual(counter, { open: 1, destroyed: 2 }, "the token's own session is left");
  });
}

test('a token that insists on sensitive keys wraps them; the wrapping key goes as well', async () => {
  const templates: boolean[] = [];
  const wrappingValues: Buffer[] = [];
  const { counter, changes } = sessionCounter();
  const generator = open({
    ...changes,
    generateKeyPair: (session, mechanism, publicHalf, privateHalf) => {
      const sensitive = privateHalf.some(
        ([type, value]) => type === ck.CKA_SENSITIVE && value === true,
      );
      templates.push(sensitive);
      if (!sensitive) throw fault('C_GenerateKeyPair', 'CKR_TEMPLATE_INCONSISTENT');
      return cryptoki.generateKeyPair(session, mechanism, publicHalf, privateHalf);
    },
    createObject: (session, template) => {
      const value = template.find(([type]) => type === ck.CKA_VALUE)?.[1];
      if (Buffer.isBuffer(value)) wrappingValues.push(value);
      return cryptoki.createObject(session, template);
    },
  });
  const before = objects();
  // SoftHSM wraps no Ed25519 keys.
  for (const kind of ['P-256', 'P-521', 'RSA-2048'] as const)
    assertWhole(kind, await generator.generate(kind));
  assert.deepEqual(templates, [false, true, true, true], 'it is asked for the other kind once');
  assert.equal(objects(), before);
  assert.equal(counter.destroyed, 3 * 3);
  assert.equal(wrappingValues.length, 3);
  for (const value of wrappingValues) assert.ok(value.every((octet) => octet === 0));
});

test('what the token shows of a private key is overwritten', async () => {
  const shown: Buffer[] = [];
  const generator = open({
    attributes: (...call) => {
      const values = cryptoki.attributes(...call);
      shown.push(...values.filter((value) => value !== undefined));
      return values;
    },
  });
  for (const kind of ['P-384', 'Ed25519', 'RSA-2048'] as const) await generator.generate(kind);
  assert.equal(shown.length, 1 + 1 + 8);
  for (const value of shown) assert.ok(value.every((octet) => octet === 0));
});

test('two are made at once, the others wait', async () => {
  let running = 0;
  let most = 0;
  const generator = open({
    async generateKeyPair(...call) {
      running += 1;
      most = Math.max(most, running);
      try {
        return await cryptoki.generateKeyPair(...call);
      } finally {
        running -= 1;
      }
    },
  });
  await Promise.all(Array.from({ length: 8 }, () => generator.generate('P-256')));
  assert.equal(most, 2);
  const many = Array.from({ length: 40 }, () => generator.generate('P-256'));
  const results = await Promise.allSettled(many);
  const turnedAway = results.filter((result) => result.status === 'rejected');
  assert.equal(turnedAway.length, 40 - 32 - 2);
  assert.match(String(turnedAway[0]?.reason), /^Unavailable: Too much key generation/);
});

test('a lost session is replaced once; the login is made good', async () => {
  let lost = 0;
  const generator = open({
    generateKeyPair: (...call) => {
      lost += 1;
      if (lost === 1) cryptoki.closeAllSessions(token?.slot ?? assert.fail());
      return cryptoki.generateKeyPair(...call);
    },
  });
  assertWhole('P-256', await generator.generate('P-256'));
  assert.equal(lost, 2);
  assert.deepEqual(faults, []);
});

test('a PIN that is refused after a loss is tried once and reported', async () => {
  let logins = 0;
  let refusing = false;
  const generator = open({
    login: (...call) => {
      logins += 1;
      if (refusing) throw fault('C_Login', 'CKR_PIN_INCORRECT');
      cryptoki.login(...call);
    },
  });
  refusing = true;
  cryptoki.closeAllSessions(token?.slot ?? assert.fail());
  for (let i = 0; i < 3; i += 1)
    await assert.rejects(generator.generate('P-256'), SignerUnavailable);
  assert.equal(logins, 2);
  assert.equal(faults[0]?.kind, 'credential');
});

test('a failing device is unavailable and no fault; an unknown mechanism is refused', async () => {
  let answer = 'CKR_DEVICE_ERROR';
  const { counter, changes } = sessionCounter();
  const generator = open({
    ...changes,
    generateKeyPair: () => Promise.reject(fault('C_GenerateKeyPair', answer)),
  });
  await assert.rejects(generator.generate('RSA-2048'), SignerUnavailable);
  answer = 'CKR_MECHANISM_INVALID';
  await assert.rejects(generator.generate('Ed25519'), Pkcs11Fault);
  assert.deepEqual(faults, []);
  assert.equal(counter.open, 1);
});

test('a key that is not what was asked for, or does not work, is not given away', async () => {
  const other = open({
    generateKeyPair: (session, mechanism, publicHalf, privateHalf) =>
      cryptoki.generateKeyPair(
        session,
        mechanism,
        publicHalf.map(([type, value]) =>
          type === ck.CKA_MODULUS_BITS ? ([type, 2048] as const) : ([type, value] as const),
        ),
        privateHalf,
      ),
  });
  const before = objects();
  await assert.rejects(other.generate('RSA-3072'), /did not make a key of kind RSA-3072/);
  assert.equal(objects(), before);
  token?.close();

  const secrets: string[] = [];
  const broken = open({
    attributes: (session, object, types) => {
      const values = cryptoki.attributes(session, object, types);
      for (const value of values) if (value) secrets.push(value.toString('hex'));
      const [modulus] = values;
      modulus?.writeUInt8(modulus.readUInt8(9) ^ 1, 9);
      return values;
    },
  });
  await assert.rejects(broken.generate('RSA-2048'), (error: Error) => {
    assert.match(error.message, /made a key of kind RSA-2048 that does not work/);
    const text = `${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`;
    return secrets.length === 8 && secrets.slice(2).every((secret) => !text.includes(secret));
  });
});

test('leading zeros that a token leaves out of a value are put back', async () => {
  const value = randomBytes(31);
  const whole = ecPrivateKeyInfo('P-256', Buffer.concat([Buffer.of(0), value]));
  assert.deepEqual(ecPrivateKeyInfo('P-256', value), whole);
  const { subjectPublicKeyInfo, privateKeyInfo } = await proveGeneratedKey('P-256', whole);
  const publicKey = createPublicKey({ key: subjectPublicKeyInfo, format: 'der', type: 'spki' });
  const signature = sign('sha256', value, { key: privateKeyInfo, format: 'der', type: 'pkcs8' });
  assert.ok(verify('sha256', value, publicKey, signature));
  assert.throws(() => ecPrivateKeyInfo('P-256', randomBytes(33)), RangeError);
});

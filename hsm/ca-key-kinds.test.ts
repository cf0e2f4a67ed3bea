/**
 * Each kind of CA key in a real token: made, found, read, and signing through a signer process.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type CaKeyType, caKeyTypes } from '../ca/signer.ts';
import { fixtureToken, withFaults } from '../test/support/softhsm-fixture.ts';
import { ck } from './cryptoki.ts';
import { maxBodyBytes } from './frame.ts';
import { generateKey } from './generate-key.ts';
import { openSigners } from './open-signers.ts';
import { openToken } from './open-token.ts';
import { Pkcs11Fault, pkcs11Code } from './pkcs11-fault.ts';
import { fromSpki, readPublicKey } from './public-key.ts';
import { signatureVerifies } from './signature-algorithm.ts';
import { connectSigner } from './signer-connection.ts';
import { type SignerSupervisor, superviseSigner } from './signer-supervisor.ts';
import type { TokenKey } from './token-key.ts';

const fixture = fixtureToken();
const { config, cryptoki } = fixture;
const keys = new Map<CaKeyType, TokenKey>();
let supervisor: SignerSupervisor;
before(async () => {
  for (const type of caKeyTypes) keys.set(type, await fixture.addKey(type, `ca ${type}`));
  const { pinRefused } = fixture;
  supervisor = await superviseSigner(config, { keys: [], pinRefused, log: () => undefined });
});
after(async () => {
  await supervisor?.stop();
  fixture.remove();
});

const keyOf = (type: CaKeyType): TokenKey => keys.get(type) ?? assert.fail();

test('all kinds are lent together, and each signs what its algorithm says', {
  timeout: 60_000,
}, async () => {
  await supervisor.lend([...keys.values()]);
  for (const type of caKeyTypes) {
    const key = keyOf(type);
    const signer = connectSigner({ ...key, socketPath: supervisor.socketPath });
    const message = randomBytes(3000);
    const signature = await signer.sign(message);
    const publicKey = fromSpki(key.publicKey);
    assert.ok(signatureVerifies(key.algorithm, publicKey, message, signature), type);
    assert.ok(!signatureVerifies(key.algorithm, publicKey, randomBytes(3000), signature), type);
    signer.close();
  }
});

test('an RSA key for PSS makes no signature of PKCS #1 v1.5', async () => {
  const key = keyOf('RSA-3072-PSS');
  const signer = connectSigner({ ...key, socketPath: supervisor.socketPath });
  const message = randomBytes(99);
  const signature = await signer.sign(message);
  signer.close();
  const publicKey = fromSpki(key.publicKey);
  assert.ok(!signatureVerifies('sha256WithRSAEncryption', publicKey, message, signature));
  assert.equal(publicKey.asymmetricKeyType, 'rsa', 'rsaEncryption');
});

test('Ed25519 signs a whole CRL of megabytes; what is too long for it is refused in a sentence', {
  timeout: 20_000,
}, async () => {
  const key = keyOf('Ed25519');
  const signer = connectSigner({ ...key, socketPath: supervisor.socketPath });
  const message = randomBytes(maxBodyBytes);
  const signature = await signer.sign(message);
  assert.ok(signatureVerifies(key.algorithm, fromSpki(key.publicKey), message, signature));
  const tooLong = signer.sign(randomBytes(maxBodyBytes + 1));
  await assert.rejects(tooLong, { name: 'RangeError', message: /Ed25519 signs at most/ });
  const digest = signer.signDigest?.(randomBytes(64)) ?? assert.fail();
  await assert.rejects(digest, { name: 'TypeError', message: /Ed25519 signs no digests/ });
  signer.close();
});

test('a kind that the token does not list is refused in a sentence, as is one it then declines', async () => {
  const without = (...absent: number[]) =>
    withFaults(cryptoki, {
      mechanisms: (slot) => cryptoki.mechanisms(slot).filter((each) => !absent.includes(each)),
    });
  const refuses = async (library: typeof cryptoki, type: CaKeyType, message: RegExp) => {
    const token = openToken(library, config, { access: 'read-write' });
    const made = generateKey(token, 'not made', type);
    await assert.rejects(made, { name: 'TokenFault', kind: 'key', message }).finally(() => {
      assert.equal(cryptoki.findObjects(token.session, [[ck.CKA_LABEL, 'not made']], 1).length, 0);
      token.close();
    });
  };
  const noPair = without(ck.CKM_EC_EDWARDS_KEY_PAIR_GEN);
  await refuses(noPair, 'Ed25519', /^token test token makes no Ed25519 keys$/);
  const noPss = without(ck.CKM_RSA_PKCS_PSS);
  await refuses(noPss, 'RSA-3072-PSS', /RSASSA-PSS-SHA256: it does not list CKM_RSA_PKCS_PSS/);
  const declining = withFaults(cryptoki, {
    generateKeyPair: async () => {
      throw new Pkcs11Fault('C_GenerateKeyPair', pkcs11Code('CKR_CURVE_NOT_SUPPORTED'));
    },
  });
  await refuses(declining, 'P-521', /makes no P-521 keys: .*CKR_CURVE_NOT_SUPPORTED/);
  const token = openToken(without(ck.CKM_EDDSA), config);
  const opening = openSigners(token, {}, [keyOf('Ed25519')]);
  await assert.rejects(opening, { kind: 'key', message: /CKM_EDDSA \(key ca Ed25519, cert/ });
  token.close();
});

test('Ed25519 keys are read however a token encodes them, and made as it wants them', async () => {
  const { publicKey } = keyOf('Ed25519');
  const bare = Buffer.from(publicKey.subarray(-32));
  const oid = Buffer.from('06032b6570', 'hex');
  const name = Buffer.from('130c656477617264733235353139', 'hex');
  const read = (keyType: number, parameters: Buffer, point: Buffer): Buffer => {
    const library = withFaults(cryptoki, {
      attributes: (_session, _object, types) =>
        types.length === 1 ? [Buffer.of(keyType, 0, 0, 0)] : [parameters, point],
    });
    return readPublicKey(library, Buffer.alloc(8), Buffer.alloc(8));
  };
  for (const keyType of [ck.CKK_EC_EDWARDS, ck.CKK_EC])
    for (const parameters of [oid, name])
      for (const wrapping of ['', '0420', '032100']) {
        const point = Buffer.concat([Buffer.from(wrapping, 'hex'), bare]);
        assert.deepEqual(read(keyType, parameters, point), Buffer.from(publicKey));
      }
  const odd = Buffer.concat([Buffer.from('0421', 'hex'), bare]);
  assert.throws(() => read(ck.CKK_EC_EDWARDS, oid, odd), { kind: 'key' });
  assert.throws(() => read(ck.CKK_EC_EDWARDS, Buffer.from('06032b6571', 'hex'), bare), {
    message: /another curve than/,
  });

  const asked: string[] = [];
  const byName = withFaults(cryptoki, {
    generateKeyPair: async (session, mechanism, publicHalf, privateHalf) => {
      const curve = publicHalf.find(([type]) => type === ck.CKA_EC_PARAMS)?.[1] as Buffer;
      asked.push(curve.toString('hex'));
      if (curve.equals(oid))
        throw new Pkcs11Fault('C_GenerateKeyPair', pkcs11Code('CKR_DOMAIN_PARAMS_INVALID'));
      const usual = publicHalf.map((each) =>
        each[0] === ck.CKA_EC_PARAMS ? ([ck.CKA_EC_PARAMS, oid] as const) : each,
      );
      return cryptoki.generateKeyPair(session, mechanism, usual, privateHalf);
    },
  });
  const token = openToken(byName, config, { access: 'read-write' });
  await generateKey(token, 'by name', 'Ed25519').finally(() => token.close());
  assert.deepEqual(asked, [oid.toString('hex'), name.toString('hex')]);
});

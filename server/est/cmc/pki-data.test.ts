/**
 * Requests that Bouncy Castle builds, as we read them; what is malformed in each part; an example from another time.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { readSignedData } from '../../../ca/cms/read-signed-data.ts';
import { encode, encodeOid, readDer, tags } from '../../../ca/der.ts';
import { CmcMessages } from '../../../test/support/cmc-messages.ts';
import { readVector } from '../../../test/support/vectors.ts';
import { encodeInteger } from './body-part.ts';
import { failureOf } from './cmc-failure.ts';
import { readControls, readEcho } from './controls.ts';
import { contentTypes, controlArcs, controlOid } from './object-identifiers.ts';
import { maxRequests, readPkiData } from './pki-data.ts';
import { isWitnessOf } from './shared-secret.ts';

const cmc = await CmcMessages.start();
after(() => cmc[Symbol.dispose]());
for (const [name, kind] of [
  ['device', 'P-256'],
  ['other', 'P-256'],
  ['rsa', 'RSA-2048'],
] as const)
  await cmc.key(name, kind);

async function contentOf(...fields: string[]) {
  const data = readSignedData(await cmc.message(...fields));
  assert.deepEqual(Buffer.from(data.contentType), Buffer.from(contentTypes.pkiData));
  return readPkiData(data.content);
}

/** CMC-18: where RFC 6402 contradicts itself, RFC 5272 decides. */
test('object identifiers', () => {
  assert.equal(controlArcs.identityProofV2, 34);
  assert.equal(controlArcs.popLinkWitnessV2, 33);
  assert.deepEqual(Buffer.from(controlOid.identityProofV2).toString('hex'), '06082b06010505070722');
  assert.equal(Buffer.from(controlOid.popLinkWitnessV2).toString('hex'), '06082b06010505070721');
  assert.deepEqual(controlOid.statusInfoV2, encodeOid('1.3.6.1.5.5.7.7.25'));
  assert.deepEqual(contentTypes.pkiData, encodeOid('1.3.6.1.5.5.7.12.2'));
  assert.deepEqual(contentTypes.pkiResponse, encodeOid('1.3.6.1.5.5.7.12.3'));
  const arcs = Object.values(controlArcs);
  assert.equal(new Set(arcs).size, arcs.length);
});

describe('what Bouncy Castle builds', () => {
  test('PKCS#10 and CRMF, each under its number', async () => {
    const { requests } = await contentOf(
      'self=device',
      'pkcs10=4294967295,device,CN=device-1',
      'crmf=128,other,CN=device-1,signature',
      'other=7',
    );
    assert.deepEqual(
      requests.map(({ bodyPartId, format }) => [bodyPartId, format]),
      [
        [4294967295, 'pkcs10'],
        [128, 'crmf'],
        [7, 'other'],
      ],
    );
  });

  test('the controls of an enrollment', async () => {
    const { controls } = await contentOf(
      'self=device',
      'pkcs10=1,device,CN=device-1',
      'transaction=10132985123483401',
      'nonce=0102ff',
      'data=cafe',
      'identification=device-1',
      'query=99',
      'decrypted=1,aabb',
      'batch=5,6',
      'processed=101',
    );
    const { transactionId, ...echo } = readEcho(controls);
    assert.equal(Buffer.from(transactionId ?? []).toString('hex'), '020723ffe572ccaf09');
    assert.deepEqual(echo, {
      senderNonce: Buffer.from('0102ff', 'hex'),
      dataReturn: Buffer.from('cafe', 'hex'),
    });
    const read = readControls(controls);
    assert.equal(read.identification, 'device-1');
    assert.deepEqual(read.queries, [{ bodyPartId: 105, pendToken: Buffer.from([0x99]) }]);
    assert.deepEqual(
      read.decryptedPops.map(({ request, proof }) => [request, Buffer.from(proof)]),
      [[1, Buffer.from('aabb', 'hex')]],
    );
    assert.deepEqual(read.batch, { bodyPartId: 107, messages: [5, 6] });
    assert.deepEqual(read.processed, [[101]]);
    assert.deepEqual(read.unrecognised, []);
    assert.deepEqual(read.unsupported, []);
  });

  for (const hash of ['SHA-256', 'SHA-384', 'SHA-512'])
    test(`the identity proof and the link of each request, with ${hash}`, async () => {
      const { controls, requestSequence, requests } = await contentOf(
        'self=device',
        'pkcs10=1,device,CN=device-1',
        'secret=correct horse',
        'identification=device-1',
        `hash=${hash}`,
      );
      const { identityProof, identification = '', popLinkRandom } = readControls(controls);
      assert.ok(identityProof && popLinkRandom);
      assert.ok(isWitnessOf(identityProof, `correct horse${identification}`, requestSequence));
      assert.ok(!isWitnessOf(identityProof, 'correct horse', requestSequence));
      assert.ok(!isWitnessOf(identityProof, `wrong horse${identification}`, requestSequence));
      const [request] = requests;
      assert.ok(request);
      assert.ok(!isWitnessOf(identityProof, `correct horse${identification}`, request.bytes));
    });

  test('SHA-1 is read and never holds', async () => {
    const { controls, requestSequence } = await contentOf(
      'self=device',
      'pkcs10=1,device,CN=device-1',
      'secret=correct horse',
      'hash=SHA-1',
    );
    const { identityProof } = readControls(controls);
    assert.ok(identityProof);
    assert.equal(identityProof.keyDigest, undefined);
    assert.equal(identityProof.macDigest, undefined);
    assert.ok(!isWitnessOf(identityProof, 'correct horse', requestSequence));
  });

  test('a revocation, with and without its secret and the time', async () => {
    await cmc.certificate('revoked', readVector('rfc8410-05-CERTIFICATE.pem'));
    const { controls } = await contentOf(
      'none=yes',
      'revoke=revoked,1,open sesame,20240229235959Z',
      'revoke=revoked,4',
    );
    const [first, second] = readControls(controls).revocations;
    assert.equal(first?.invalidityDate?.toISOString(), '2024-02-29T23:59:59.000Z');
    assert.equal(second?.invalidityDate, undefined);
    assert.equal(Buffer.from(first?.sharedSecret ?? []).toString(), 'open sesame');
    assert.equal(first?.reason, 'keyCompromise');
    assert.equal(first.serialNumber, '5601474a2a8dc330');
    assert.equal(second?.reason, 'superseded');
    assert.equal(second.sharedSecret, undefined);
  });

  for (const reason of [2, 6, 8, 10])
    test(`a revocation for reason ${reason}, which no device can give`, async () => {
      await cmc.certificate('revoked', readVector('rfc8410-05-CERTIFICATE.pem'));
      const { controls } = await contentOf('none=yes', `revoke=revoked,${reason}`);
      assert.throws(() => readControls(controls), {
        reason: 'badRequest',
        bodyList: [101],
      });
    });

  for (const time of ['20230229000000Z', '20230101240000Z', '20230101000060Z', '20231301000000Z'])
    test(`a revocation since ${time}, which there is not`, async () => {
      await cmc.certificate('revoked', readVector('rfc8410-05-CERTIFICATE.pem'));
      const { controls } = await contentOf('none=yes', `revoke=revoked,1,,${time}`);
      assert.throws(() => readControls(controls), { reason: 'badRequest', bodyList: [101] });
    });

  test('a message within a message keeps its octets, BER or DER', async () => {
    for (const encoding of ['DER', 'BER']) {
      const extra = encoding === 'BER' ? ['encoding=BER'] : [];
      const inner = await cmc.message('self=other', 'pkcs10=1,other,CN=device-2', ...extra);
      const { contents } = await contentOf(
        'self=device',
        `content=9,${inner.toString('base64')}`,
        ...extra,
      );
      const kept = contents.get(9);
      assert.ok(kept);
      assert.equal(readPkiData(readSignedData(kept).content).requests.length, 1);
    }
  });
});

test('an example from 2003 parses; its signature is SHA-1 and its control is Microsoft’s', () => {
  const data = readSignedData(readVector('rfc6402-PKIData.b64'));
  assert.equal(data.signerInfos.length, 1);
  assert.equal(data.signerInfos[0]?.scheme, undefined);
  assert.equal(data.signerInfos[0]?.identifier.kind, 'subjectKeyIdentifier');
  const { controls, requests } = readPkiData(data.content);
  assert.deepEqual(
    requests.map(({ bodyPartId, format }) => [bodyPartId, format]),
    [[1, 'pkcs10']],
  );
  assert.deepEqual(readControls(controls).unrecognised, [2]);
});

const sequence = (...parts: Uint8Array[]) => encode(tags.sequence, ...parts);
const control = (id: number | Uint8Array, type: Uint8Array, ...values: Uint8Array[]) =>
  sequence(typeof id === 'number' ? encodeInteger(id) : id, type, encode(tags.set, ...values));
const nonce = encode(tags.octetString, Uint8Array.of(1));
const pkiData = (...controls: Uint8Array[]) =>
  sequence(sequence(...controls), sequence(), sequence(), sequence());

describe('what is no PKIData', () => {
  const request = (id: number) => encode(0xa0, encodeInteger(id), sequence());
  const refused: Record<string, Uint8Array> = {
    nothing: new Uint8Array(),
    'three sequences': sequence(sequence(), sequence(), sequence()),
    'five sequences': sequence(sequence(), sequence(), sequence(), sequence(), sequence()),
    'a SET for the controls': sequence(encode(tags.set), sequence(), sequence(), sequence()),
    'the number 0': pkiData(control(0, controlOid.senderNonce, nonce)),
    'a negative number': pkiData(
      control(encode(tags.integer, Uint8Array.of(0x80)), controlOid.senderNonce, nonce),
    ),
    'a number of 33 bits': pkiData(control(2 ** 32, controlOid.senderNonce, nonce)),
    'the same number twice': pkiData(
      control(1, controlOid.senderNonce, nonce),
      control(1, controlOid.recipientNonce, nonce),
    ),
    'the number of a control for a request': sequence(
      sequence(control(1, controlOid.senderNonce, nonce)),
      sequence(request(1)),
      sequence(),
      sequence(),
    ),
    'more requests than a message may have': sequence(
      sequence(),
      sequence(...Array.from({ length: maxRequests + 1 }, (_, i) => request(i + 1))),
      sequence(),
      sequence(),
    ),
    'a request under an unknown tag': sequence(
      sequence(),
      sequence(encode(0xa3, encodeInteger(1))),
      sequence(),
      sequence(),
    ),
    'a request of no parts': sequence(sequence(), sequence(encode(0xa1)), sequence(), sequence()),
    'an octet after the end': Buffer.concat([pkiData(), Uint8Array.of(0)]),
  };
  for (const [what, octets] of Object.entries(refused))
    test(what, () => assert.throws(() => readPkiData(octets), { code: 'malformed-request' }));

  test('and the same without the fault is one', () => {
    const { requests } = readPkiData(
      sequence(
        sequence(control(17, controlOid.senderNonce, nonce)),
        sequence(...Array.from({ length: maxRequests }, (_, i) => request(i + 1))),
        sequence(),
        sequence(),
      ),
    );
    assert.equal(requests.length, maxRequests);
  });
});

describe('controls that are refused, under their number', () => {
  const octets = (length: number) => encode(tags.octetString, new Uint8Array(length));
  const text = (value: string) => encode(tags.utf8String, Buffer.from(value));
  const algorithm = sequence(encodeOid('2.16.840.1.101.3.4.2.1'));
  const refused: Record<string, [type: Uint8Array, ...values: Uint8Array[]]> = {
    'a nonce of no octets': [controlOid.senderNonce, octets(0)],
    'a nonce of 257 octets': [controlOid.senderNonce, octets(257)],
    'a nonce that is a number': [controlOid.senderNonce, encodeInteger(1)],
    'a nonce without a value': [controlOid.senderNonce],
    'a nonce of two values': [controlOid.senderNonce, nonce, octets(2)],
    'a transaction that is text': [controlOid.transactionId, text('1')],
    'a transaction of 100 octets': [
      controlOid.transactionId,
      encode(tags.integer, new Uint8Array(100).fill(1)),
    ],
    'an empty identification': [controlOid.identification, text('')],
    'an identification of 256 characters': [controlOid.identification, text('x'.repeat(256))],
    'an identity proof without a witness': [
      controlOid.identityProofV2,
      sequence(algorithm, algorithm),
    ],
    'a random value that is none': [controlOid.popLinkRandom, sequence()],
    'a decrypted proof for nothing': [controlOid.decryptedPOP, sequence(algorithm, nonce)],
    'a batch of nothing': [controlOid.batchRequests, sequence()],
    'a revocation of nothing': [controlOid.revokeRequest, sequence()],
    'a confirmation of nothing': [controlOid.confirmCertAcceptance, sequence(sequence())],
    'a status of nothing': [controlOid.statusInfoV2, sequence()],
  };
  for (const [what, [type, ...values]] of Object.entries(refused))
    test(what, () => {
      const { controls } = readPkiData(pkiData(control(77, type, ...values)));
      assert.throws(() => ({ ...readEcho(controls), ...readControls(controls) }), {
        reason: 'badRequest',
        bodyList: [77],
      });
    });

  for (const name of ['transactionId', 'senderNonce', 'identityProofV2', 'identification'] as const)
    test(`${name} twice`, () => {
      const values = {
        transactionId: encodeInteger(1),
        senderNonce: nonce,
        identityProofV2: sequence(algorithm, algorithm, nonce),
        identification: text('a'),
      };
      const { controls } = readPkiData(
        pkiData(
          control(5, controlOid[name], values[name]),
          control(6, controlOid[name], values[name]),
        ),
      );
      assert.throws(() => ({ ...readEcho(controls), ...readControls(controls) }), {
        reason: 'badRequest',
        bodyList: [6],
      });
    });

  test('what is known and not offered, and what is not known', () => {
    const { controls } = readPkiData(
      pkiData(
        control(1, controlOid.getCert, sequence()),
        control(2, controlOid.identityProof, nonce),
        control(3, encodeOid('1.2.3.4'), nonce),
        control(4, controlOid.encryptedPOP, sequence()),
      ),
    );
    const { unsupported, unrecognised } = readControls(controls);
    assert.deepEqual(unsupported, [1, 2]);
    assert.deepEqual(unrecognised, [3, 4]);
  });
});

test('a cut or changed message is refused, never a fault', async () => {
  const der = await cmc.message(
    'self=device',
    'pkcs10=1,device,CN=device-1',
    'crmf=2,rsa,CN=device-1,encipherment',
    'transaction=7',
    'nonce=0102',
    'secret=s',
  );
  let read = 0;
  for (let at = 0; at < der.length; at += 3)
    for (const change of [0x01, 0x20, 0xff]) {
      const mutant = Buffer.from(der);
      mutant[at] = (mutant[at] ?? 0) ^ change;
      try {
        const { controls } = readPkiData(readSignedData(mutant).content);
        readEcho(controls);
        readControls(controls);
        read++;
      } catch (error) {
        assert.equal(failureOf(error).reason, 'badRequest', String(error));
      }
    }
  assert.ok(read > 0);
  for (let length = 0; length < der.length; length += 7)
    assert.throws(() => readSignedData(der.subarray(0, length)), { code: 'malformed-request' });
  assert.throws(() => readDer(der.subarray(1)));
});

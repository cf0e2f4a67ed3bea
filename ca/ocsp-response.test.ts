import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readVector } from '../test/support/vectors.ts';
import { readCertificate } from './certificate.ts';
import { type DerElement, readDer } from './der.ts';
import { octetsKey } from './object-identifiers.ts';
import { readOcspRequest } from './ocsp-request.ts';
import { composeResponseData, encodeStatus, ocspError, signOcspResponse } from './ocsp-response.ts';

/** The element at a path of positions. */
function at(element: DerElement, ...path: readonly number[]): DerElement {
  return path.reduce((parent, position) => {
    const child = parent.children[position];
    assert.ok(child, `nothing at ${path}`);
    return child;
  }, element);
}

describe('the response of RFC 9919', () => {
  const published = readVector('rfc9919-OCSPResponse.b64');
  const basic = readDer(at(readDer(published), 1, 0, 1).content);
  const certificate = readCertificate(at(basic, 3, 0, 0).bytes);
  const [id] = readOcspRequest(readVector('rfc9919-OCSPRequest.b64')).certificates;
  const statement = {
    certificates: [{ id: id?.der ?? published, status: { kind: 'good' } as const }],
    producedAt: new Date('2024-04-02T12:37:47Z'),
    thisUpdate: new Date('2024-04-03T12:37:47Z'),
    nextUpdate: new Date('2024-04-10T12:37:47Z'),
  };

  test('is what its statement gives, octet for octet', async () => {
    const signature = at(basic, 2).content.subarray(1);
    const signer = {
      publicKey: certificate.subjectPublicKeyInfo,
      algorithm: 'ecdsa-with-SHA384',
      available: true,
      sign: async () => signature,
    } as const;
    const der = await signOcspResponse(statement, signer, certificate);
    assert.deepEqual(Buffer.from(der), published);
    await assert.rejects(
      signOcspResponse({ ...statement, producedAt: new Date(0) }, signer, certificate),
      { name: 'SignatureFault' },
    );
  });

  test('has a nonce only where the request has', () => {
    const nonce = Buffer.from('0123456789abcdef');
    const without = readDer(composeResponseData(statement, certificate));
    const data = readDer(composeResponseData({ ...statement, nonce }, certificate));
    assert.equal(without.children.length, 3);
    assert.equal(
      octetsKey(at(data, 3).bytes),
      `a1233021301f06092b060105050730010204120410${nonce.toString('hex')}`,
    );
  });
});

test('each status as RFC 6960 section 4.2.1 has it', () => {
  const at2060 = new Date('2060-01-02T03:04:05.678Z');
  const time = `180f${Buffer.from('20600102030405Z').toString('hex')}`;
  const revoked = (reason: 'unspecified' | 'keyCompromise') =>
    octetsKey(encodeStatus({ kind: 'revoked', at: at2060, reason }));
  assert.equal(octetsKey(encodeStatus({ kind: 'good' })), '8000');
  assert.equal(octetsKey(encodeStatus({ kind: 'unknown' })), '8200');
  assert.equal(revoked('keyCompromise'), `a116${time}a0030a0101`);
  assert.equal(revoked('unspecified'), `a111${time}`);
});

test('errors are a status and nothing else (RFC 6960 section 2.3)', () => {
  assert.equal(octetsKey(ocspError('malformedRequest')), '30030a0101');
  assert.equal(octetsKey(ocspError('internalError')), '30030a0102');
  assert.equal(octetsKey(ocspError('tryLater')), '30030a0103');
  assert.equal(octetsKey(ocspError('unauthorized')), '30030a0106');
});

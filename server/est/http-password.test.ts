import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Request } from 'express';
import type { DigestAuthenticator, DigestCredentials } from '../../enrollment/by-digest.ts';
import type {
  OneTimePasswordAuthenticator,
  PasswordCredentials,
} from '../../enrollment/by-one-time-password.ts';
import { digest } from '../../test/support/digest-client.ts';
import { NonceMint } from './digest-nonce.ts';
import { authenticateByHttp } from './http-password.ts';

const nonces = new NonceMint(Buffer.alloc(32, 1));
const uri = '/.well-known/est/simpleenroll';
const from = { source: '192.0.2.1', requestId: 'request-1', group: 'acme' };

/** Both authenticators know everybody, and tell what they were asked. */
async function read(...headers: string[]) {
  const asked: (PasswordCredentials | DigestCredentials)[] = [];
  const identify = async (credentials: PasswordCredentials | DigestCredentials) => {
    asked.push(credentials);
    return { device: { id: 'somebody' } };
  };
  const request = {
    method: 'POST',
    originalUrl: uri,
    headers: { ...(headers[0] === undefined ? {} : { authorization: headers[0] }) },
    headersDistinct: { authorization: headers },
  };
  const authenticators = {
    oneTimePassword: { identify } as unknown as OneTimePasswordAuthenticator,
    digest: { identify } as unknown as DigestAuthenticator,
    nonces,
  };
  const password = await authenticateByHttp(request as unknown as Request, authenticators, from);
  return { password, asked };
}

const basic = (text: string | Buffer) => `Basic ${Buffer.from(text).toString('base64')}`;

test('without an Authorization header there is no password', async () => {
  assert.deepEqual(await read(), { password: undefined, asked: [] });
});

describe('Basic', () => {
  const credentials: Record<string, [header: string, userName: string, password: string]> = {
    'RFC 7617 section 2': ['Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==', 'Aladdin', 'open sesame'],
    'RFC 7617 section 2.1, UTF-8': ['Basic dGVzdDoxMjPCow==', 'test', '123£'],
    'the scheme in any letter case': [
      'bAsIc QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
      'Aladdin',
      'open sesame',
    ],
    'a colon in the password': [basic('user:pa:ss'), 'user', 'pa:ss'],
    'no user name': [basic(':password'), '', 'password'],
    'no password': [basic('user:'), 'user', ''],
  };
  for (const [what, [header, userName, password]] of Object.entries(credentials))
    test(what, async () => {
      const { password: found, asked } = await read(header);
      assert.deepEqual(asked, [{ ...from, userName, password }]);
      assert.equal(found?.scheme, 'basic');
      assert.deepEqual(found?.sender, { ...from, userName });
    });

  const refused: Record<string, string> = {
    'not base64': 'Basic dXNlcjpwYXNz.dXNlcg',
    base64url: 'Basic dXNlcjp-fn5-',
    'without a colon': basic('user'),
    'not UTF-8': basic(Buffer.from([0x61, 0x3a, 0xff])),
    'with parameters': 'Basic user="a", password="b"',
    'without anything': 'Basic',
    'of another scheme': 'Bearer dXNlcjpwYXNz',
    malformed: 'Basic dXNlcjpwYXNz dXNlcjpwYXNz',
  };
  for (const [what, header] of Object.entries(refused))
    test(`${what}: 401`, async () => {
      await assert.rejects(read(header), { code: 'unauthenticated' });
    });
});

describe('Digest', () => {
  const header = digest({ user: 'device-1', password: 'p', nonce: nonces.make(new Date()), uri });

  test('for this method and target', async () => {
    const { password, asked } = await read(header);
    assert.equal(asked.length, 1);
    assert.equal(password?.scheme, 'digest');
    assert.deepEqual(password?.sender, { ...from, userName: 'device-1' });
  });

  test('for another target: 401', async () => {
    await assert.rejects(read(header.replace(uri, '/')), { code: 'unauthenticated' });
  });

  test('as one sequence of characters: 401', async () => {
    await assert.rejects(read('Digest dXNlcjpwYXNz'), { code: 'unauthenticated' });
  });
});

test('two Authorization headers are none that one could choose', async () => {
  await assert.rejects(read(basic('a:b'), basic('c:d')), { code: 'malformed-http' });
});

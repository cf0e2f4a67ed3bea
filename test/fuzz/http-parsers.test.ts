/**
 * What HTTP brings before there is a message: paths, bodies, credentials.
 */

import type { Request } from 'express';
import fc from 'fast-check';
import { unauthenticated } from '../../enrollment/refusal.ts';
import { readAuthorization } from '../../server/est/authorization-header.ts';
import { readDigestResponse } from '../../server/est/digest-authentication.ts';
import { NonceMint } from '../../server/est/digest-nonce.ts';
import { authenticateByHttp, type PasswordAuthenticators } from '../../server/est/http-password.ts';
import { decodeBody } from '../../server/est/messages.ts';
import { readEstPath } from '../../server/est/path.ts';
import { digest } from '../support/digest-client.ts';
import { basic } from '../support/raw-tls.ts';
import { mutated, mutatedText } from './mutation.ts';
import { parser, readOrRefused } from './read-or-refused.ts';
import { requests } from './seeds.ts';

const nonces = new NonceMint(Buffer.from('pepper'));
const nonce = nonces.make(new Date());
const uri = '/.well-known/est/simpleenroll';
const target = { method: 'POST', target: uri };

const credentials = [
  basic('device-1', 'K7TD-02QF-9XMV-B3EH-RW6S-1NPA-ZC48'),
  basic('', 'a:b'),
  ...(['SHA-256', 'MD5'] as const).map((algorithm) =>
    digest({ user: 'device-1', password: 'secret', nonce, uri, algorithm }),
  ),
  'Digest username="a \\"quoted\\" name", realm="EST" , ,\tnonce="", userhash=false, username*=UTF-8\'\'J%C3%A4',
  'Bearer abc',
];

/** Nobody is known; that is said once the header has been read. */
const nobody = {
  identify: async () => {
    throw unauthenticated('This test knows nobody.');
  },
};
const authenticators = {
  oneTimePassword: nobody,
  digest: nobody,
  nonces,
} as unknown as PasswordAuthenticators;

readOrRefused(
  {
    'request bodies': parser(
      mutated(requests.map((der) => Buffer.from(der.toString('base64')))),
      decodeBody,
    ),
    paths: parser(
      mutatedText([uri, '/.well-known/est/l%41b/csrattrs?x=1', '/.well-known/est/a/b/../cacerts']),
      readEstPath,
    ),
    'Authorization headers': parser(mutatedText(credentials), async (authorization) => {
      const headersDistinct = { authorization: [authorization] };
      const headers = { authorization };
      const request = { headers, headersDistinct, ...target, originalUrl: uri };
      const from = { source: '192.0.2.1', requestId: 'request-1' };
      await authenticateByHttp(request as unknown as Request, authenticators, from);
    }),
    'Digest responses': parser(
      fc.tuple(
        fc.constantFrom('username', 'nonce', 'uri', 'response', 'cnonce', 'nc', 'algorithm', 'qop'),
        mutatedText([nonce, uri, '00000001', 'SHA-256', 'auth', 'f2wE4q74E6zIJEtW']),
      ),
      ([name, value]) => {
        const good = readAuthorization(credentials[2] ?? '')?.parameters;
        readDigestResponse(new Map([...(good ?? []), [name, value]]), target, nonces, new Date());
      },
    ),
    'nonces of Digest': parser(mutatedText([nonce]), (text) => nonces.expiryOf(text, new Date())),
  },
  0.1,
);

/**
 * What OpenSSL as a corporate CA signs for us, right and wrong.
 */

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import {
  type CorporateCa,
  certify,
  extensionsWith,
  makeCaBelow,
  makeCorporateRoot,
} from '../test/support/corporate-ca.ts';
import { openssl, withFile } from '../test/support/est-client.ts';
import { SoftwareSigner } from '../test/support/software-signer.ts';
import { makeCaCertificate } from './ca-certificate.ts';
import { makeCaRequest, subjectOfRequest } from './ca-request.ts';
import { CertificateError } from './certificate.ts';
import { rootCaProfile } from './certificate-profile.ts';
import { encode, tags } from './der.ts';
import { encodeName, encodeSubject } from './distinguished-name.ts';
import { oid } from './object-identifiers.ts';
import { checkSignedChain } from './signed-chain.ts';

const signer = new SoftwareSigner('P-256');
const subject = encodeName([
  { type: 'organizationName', text: 'Acme' },
  { type: 'commonName', text: 'Acme Devices CA' },
]);
const request = await pemRequest(subject);
const root = makeCorporateRoot({ subject: '/O=Acme/CN=Acme Root' });
const policy = makeCaBelow(root, { subject: '/O=Acme/CN=Acme Policy CA' });
const good = certify(request, policy);
const now = new Date(Date.now() + 60_000);
const day = 86_400_000;

async function pemRequest(name: Uint8Array): Promise<string> {
  const der = await makeCaRequest(name, signer);
  return openssl(['req', '-inform', 'DER', '-verify'], der).toString();
}

/** The request that a CA's certificate could have been made for, PEM. */
function requestOf({ certificate, key }: CorporateCa): string {
  return withFile(key, (file) =>
    openssl(['x509', '-x509toreq', '-signkey', file], certificate).toString(),
  );
}

function check(pems: readonly string[], at = new Date()) {
  const certificates = pems.map((pem) => new X509Certificate(pem).raw);
  return checkSignedChain(certificates, { publicKey: signer.publicKey, subject }, at);
}

function assertRefused(sentence: RegExp, pems: readonly string[], at = new Date()): void {
  assert.throws(
    () => check(pems, at),
    (error) => {
      assert.ok(error instanceof CertificateError, String(error));
      assert.match(error.message, sentence);
      return true;
    },
  );
}

/** What is left of ours when its extensions are others. */
const oursWith = (changes: Record<string, string | undefined>, args: string[] = []) => [
  certify(request, policy, { extensions: extensionsWith(changes), args }),
  policy.certificate,
  root.certificate,
];

/** A chain whose policy CA is another one. */
const under = (above: CorporateCa, anchor = root) => [
  certify(request, above),
  above.certificate,
  anchor.certificate,
];
const policyWith = (changes: Record<string, string | undefined>) =>
  under(
    makeCaBelow(root, {
      subject: '/O=Acme/CN=Acme Policy CA',
      extensions: extensionsWith(changes),
    }),
  );

describe('a good chain', () => {
  const pem = (certificate: { x509: X509Certificate }) => certificate.x509.toString();

  test('in any order, with what belongs to none left over', () => {
    const other = makeCorporateRoot({ subject: '/CN=Other Root' }).certificate;
    for (const file of [
      [good, policy.certificate, root.certificate],
      [root.certificate, good, other, policy.certificate, good],
    ]) {
      const chain = check(file);
      assert.equal(pem(chain.issuing), good);
      assert.deepEqual(chain.above.map(pem), [policy.certificate, root.certificate]);
      assert.equal(chain.leftOver, file.includes(other) ? 1 : 0);
    }
  });

  test('signed by the root itself', () => {
    assert.equal(check([root.certificate, certify(request, root)]).above.length, 1);
  });

  test('a root that another root certified too ends the chain', () => {
    const older = makeCorporateRoot({ subject: '/CN=Older Root' });
    const crossed = certify(requestOf(root), older, { days: 3000 });
    const chain = check([older.certificate, crossed, good, policy.certificate, root.certificate]);
    assert.deepEqual(chain.above.map(pem), [policy.certificate, root.certificate]);
    assert.equal(chain.leftOver, 2);
  });

  for (const [key, args] of [
    ['P-521', ['-sha512']],
    ['Ed25519', []],
    ['RSA-3072', ['-sha384']],
    ['RSA-3072', ['-sha256', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32']],
  ] as const)
    test(`of ${key} ${args.join(' ')}`, () => {
      const anchor = makeCorporateRoot({ subject: '/CN=R', key, args });
      assert.equal(check([certify(request, anchor, { args }), anchor.certificate]).above.length, 1);
    });

  test('purposes that ours are among; path lengths that suffice', () => {
    const purposes = 'extendedKeyUsage=clientAuth,serverAuth,OCSPSigning';
    check(
      policyWith({ purposes, basicConstraints: 'basicConstraints=critical,CA:TRUE,pathlen:1' }),
    );
    check(oursWith({ purposes: 'extendedKeyUsage=anyExtendedKeyUsage' }));
  });

  test('a subject in another string type is the same', () => {
    const printable = encode(
      tags.sequence,
      ...(
        [
          ['organizationName', 'Acme'],
          ['commonName', 'Acme Devices CA'],
        ] as const
      ).map(([type, text]) =>
        encode(
          tags.set,
          encode(tags.sequence, oid[type], encode(tags.printableString, Buffer.from(text))),
        ),
      ),
    );
    const certificates = [good, policy.certificate, root.certificate].map(
      (each) => new X509Certificate(each).raw,
    );
    const requested = { publicKey: signer.publicKey, subject: printable };
    assert.ok(checkSignedChain(certificates, requested, now));
  });
});

describe('refused', () => {
  test('another key', () => {
    const other = makeCaBelow(policy, { subject: '/O=Acme/CN=Acme Devices CA' }).certificate;
    assertRefused(/None of the certificates \(3\) is over the key/, [
      other,
      policy.certificate,
      root.certificate,
    ]);
  });

  test('two over our key', () => {
    assertRefused(/Two different certificates are over the key/, [
      good,
      certify(request, policy),
      policy.certificate,
      root.certificate,
    ]);
  });

  test('one that we signed ourselves', async () => {
    const own = await makeCaCertificate({
      ...{ profile: rootCaProfile, subject, publicKey: signer.publicKey, signer, now },
    });
    assertRefused(/is self-signed: it must be signed by the CA above/, [own.x509.toString()]);
  });

  test('another subject', async () => {
    const other = await pemRequest(encodeSubject({ commonName: 'Somebody' }));
    assertRefused(
      /certified CN=Somebody, and requested was .*commonName=Acme Devices CA: have it/,
      [certify(other, policy), policy.certificate, root.certificate],
    );
  });

  test('a CA above that is missing', () => {
    assertRefused(/certificate of O=Acme, CN=Acme Root is missing, which signed that of .*Policy/, [
      good,
      policy.certificate,
    ]);
    assertRefused(/certificate of O=Acme, CN=Acme Policy CA is missing/, [good, root.certificate]);
  });

  test('a CA above of the same name, but with another key', () => {
    const impostor = makeCaBelow(root, { subject: '/O=Acme/CN=Acme Policy CA' });
    assertRefused(/was not signed by O=Acme, CN=Acme Policy CA of this file/, [
      good,
      impostor.certificate,
      root.certificate,
    ]);
  });

  test('a root that only looks self-signed', () => {
    const forged = makeCaBelow(makeCorporateRoot({ subject: '/CN=F' }), {
      subject: '/CN=F',
      extensions: extensionsWith({ authorityKeyIdentifier: 'authorityKeyIdentifier=none' }),
    });
    assertRefused(/root certificate is not self-signed/, [
      certify(request, forged),
      forged.certificate,
    ]);
  });

  test('what is no CA', () => {
    assertRefused(/not a CA certificate/, oursWith({ basicConstraints: undefined }));
    const denied = { basicConstraints: 'basicConstraints=critical,CA:FALSE' };
    assertRefused(/not a CA certificate/, oursWith(denied));
    assertRefused(/not a CA certificate/, policyWith(denied));
    assertRefused(
      /basicConstraints that are not critical/,
      oursWith({ basicConstraints: 'basicConstraints=CA:TRUE' }),
    );
  });

  test('a key that may not sign what it has to', () => {
    for (const keyUsage of ['keyUsage=critical,cRLSign', undefined]) {
      assertRefused(
        /Devices CA does not allow its key to sign certificates/,
        oursWith({ keyUsage }),
      );
      assertRefused(
        /Policy CA does not allow its key to sign certificates/,
        policyWith({ keyUsage }),
      );
    }
    assertRefused(
      /does not allow its key to sign revocation lists/,
      oursWith({ keyUsage: 'keyUsage=critical,keyCertSign' }),
    );
  });

  test('no key identifier, or that of another CA', () => {
    assertRefused(
      /no subjectKeyIdentifier/,
      oursWith({ subjectKeyIdentifier: 'subjectKeyIdentifier=none' }),
    );
    assertRefused(
      /names another key of its issuer/,
      oursWith({ authorityKeyIdentifier: '2.5.29.35=DER:30:06:80:04:01:02:03:04' }),
    );
  });

  test('a path that is too long for who allowed it', () => {
    assertRefused(
      /Policy CA allows 0 CA certificates to follow its own \(pathLenConstraint\), and there are 1/,
      policyWith({ basicConstraints: 'basicConstraints=critical,CA:TRUE,pathlen:0' }),
    );
  });

  test('validity: not now, or beyond that of the CA above', () => {
    const chain = [good, policy.certificate, root.certificate];
    assertRefused(/is not yet valid/, chain, new Date(now.getTime() - day));
    assertRefused(/Devices CA has expired/, chain, new Date(now.getTime() + 1001 * day));
    const brief = makeCaBelow(root, { subject: '/CN=Brief', days: 10 });
    assertRefused(/Devices CA ends after the certificate of the CA that signed it/, under(brief));
    const long = makeCaBelow(root, { subject: '/CN=Long', days: 4000 });
    assertRefused(/CN=Long ends after/, under(long));
  });

  test('weak signatures, anywhere', () => {
    const rsa = makeCorporateRoot({ subject: '/CN=RSA', key: 'RSA-2048' });
    for (const args of [
      ['-sha1'],
      ['-md5'],
      ['-sha1', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest'],
    ])
      assertRefused(/CN=Acme Devices CA is signed with an algorithm that is not accepted/, [
        certify(request, rsa, { args }),
        rsa.certificate,
      ]);
    const weak = makeCorporateRoot({ subject: '/CN=Weak', key: 'RSA-2048', args: ['-sha1'] });
    assertRefused(/CN=Weak is signed with an algorithm/, [
      certify(request, weak),
      weak.certificate,
    ]);
  });

  test('a weak key above', () => {
    const weak = makeCaBelow(root, { subject: '/CN=Weak', key: 'RSA-1024' });
    assertRefused(/key of CN=Weak does not do: An RSA key of 1024 bits/, under(weak));
  });

  test('constraints that nobody would keep', () => {
    for (const critical of ['critical,', '']) {
      const names = { names: `nameConstraints=${critical}permitted;DNS:acme.example` };
      assertRefused(/Devices CA constrains names/, oursWith(names));
      assertRefused(/Policy CA constrains names/, policyWith(names));
    }
    const policies = { policies: 'policyConstraints=critical,requireExplicitPolicy:0' };
    assertRefused(/Policy CA demands certificate policies/, policyWith(policies));
    const purposes = { purposes: 'extendedKeyUsage=serverAuth' };
    assertRefused(/Devices CA restricts what certificates below it are for/, oursWith(purposes));
    assertRefused(/Policy CA restricts/, policyWith(purposes));
    const unknown = { unknown: '1.3.6.1.4.1.32473.1=critical,DER:05:00' };
    assertRefused(/Policy CA has a critical extension that is not known/, policyWith(unknown));
  });

  test('more than a chain can be', async () => {
    const key = new SoftwareSigner('P-256');
    const names = Array.from({ length: 10 }, (_, i) => `CA ${i}`);
    const cas: CorporateCa[] = [makeCorporateRoot({ subject: '/CN=CA' })];
    for (const name of names)
      cas.push(makeCaBelow(cas.at(-1) ?? root, { subject: `/CN=${name}`, days: 1500 }));
    assertRefused(/more than 8 CAs above/, [
      certify(request, cas.at(-1) ?? root),
      ...cas.map(({ certificate }) => certificate),
    ]);
    const ours = new X509Certificate(good).raw;
    const requested = { publicKey: key.publicKey, subject };
    const many = Array.from({ length: 65 }, () => ours);
    assert.throws(() => checkSignedChain(many, requested, now), /more than 64 certificates/);
  });

  test('what cannot be read as a certificate', () => {
    const requested = { publicKey: signer.publicKey, subject };
    const garbage = Buffer.from('300406022a03', 'hex');
    assert.throws(
      () => checkSignedChain([new X509Certificate(good).raw, garbage], requested, now),
      /Certificate 2 cannot be read: This is not an X\.509 version 3 certificate/,
    );
  });
});

test('the request says what it asks for, and OpenSSL takes it', async () => {
  const der = await makeCaRequest(subject, signer);
  assert.deepEqual(subjectOfRequest(der), subject);
  const text = openssl(['req', '-inform', 'DER', '-verify', '-noout', '-text'], der).toString();
  assert.match(text, /Subject: O = Acme, CN = Acme Devices CA/);
  assert.match(text, /Basic Constraints: critical\n +CA:TRUE, pathlen:0/);
  assert.match(text, /Key Usage: critical\n +Certificate Sign, CRL Sign/);
  assert.match(text, /Signature Algorithm: ecdsa-with-SHA256/);
  const identifier = /Subject Key Identifier: *\n +([0-9A-F:]+)/.exec(text)?.[1];
  const kept = certify(openssl(['req', '-inform', 'DER'], der).toString(), policy);
  const printed = openssl(['x509', '-noout', '-ext', 'subjectKeyIdentifier'], kept).toString();
  assert.ok(identifier && printed.includes(identifier));
});

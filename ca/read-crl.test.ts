/**
 * CRLs that OpenSSL made, as if they were ours.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type CaCertificate, readCaCertificate } from './ca-chain.ts';
import { CrlUnreadable, readCrl, readCrls } from './read-crl.ts';

const scratch = mkdtempSync(join(tmpdir(), 'bestow-crl-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { cwd: scratch, stdio: ['ignore', 'pipe', 'pipe'] });
const file = (name: string, text: string) => writeFileSync(join(scratch, name), text);

const base = 'authorityKeyIdentifier = keyid';
const extensions: Record<string, string> = {
  whole: base,
  partition: `${base}\nissuingDistributionPoint = critical, @point`,
  anonymous: 'issuerAltName = DNS:a.example',
  critical: `${base}\n1.2.3.4 = critical, DER:0500`,
};
file(
  'ca.cnf',
  `[ca]\ndefault_ca = it\n[it]\ndatabase = index.txt\ncrlnumber = number\ndefault_md = sha256
default_crl_days = 7\ncertificate = ca.pem\nprivate_key = ca.key\n[point]\nfullname = URI:http://pki.example/7.crl
${Object.entries(extensions)
  .map(([name, lines]) => `[${name}]\n${lines}\n`)
  .join('')}`,
);
file(
  'index.txt',
  [
    'R\t400101000000Z\t300131120000Z,keyCompromise\t01AB\tunknown\t/CN=a',
    'R\t400101000000Z\t300131120000Z,keyTime,20300130110000Z\t02CD\tunknown\t/CN=b',
    'R\t400101000000Z\t300131120000Z,holdInstruction,holdInstructionReject\t03EF\tunknown\t/CN=c',
    'R\t400101000000Z\t300131120000Z\t04\tunknown\t/CN=d',
    'V\t400101000000Z\t\t05\tunknown\t/CN=e',
    '',
  ].join('\n'),
);

function makeCa(key: readonly string[]): CaCertificate {
  openssl('genpkey', ...key, '-out', 'ca.key');
  openssl('req', '-x509', '-key', 'ca.key', '-subj', '/CN=CA', '-days', '9', '-out', 'ca.pem');
  return readCaCertificate(openssl('x509', '-in', 'ca.pem', '-outform', 'DER'));
}

function makeCrl(which: string, number = '1a2b', how: readonly string[] = []): Buffer {
  file('number', number);
  openssl('ca', '-gencrl', '-config', 'ca.cnf', '-crlexts', which, ...how, '-out', 'crl.pem');
  openssl('crl', '-in', 'crl.pem', '-outform', 'DER', '-out', 'crl.der');
  return readFileSync(join(scratch, 'crl.der'));
}

const kinds = {
  'P-256': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  RSA: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
  'RSASSA-PSS': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
};
/** Options of the signature, where there are any to choose. */
const signing: Readonly<Record<string, readonly string[]>> = {
  'RSASSA-PSS': ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'],
};

describe('a CRL', () => {
  for (const [kind, key] of Object.entries(kinds))
    test(`is read with all that it says: ${kind}`, () => {
      const issuer = makeCa(key);
      const { number, revoked, urls } = readCrl(makeCrl('whole', '1a2b', signing[kind]), [issuer]);
      assert.deepEqual([number, urls], [0x1a2b, []]);
      const revokedAt = new Date('2030-01-31T12:00:00Z');
      const invalidityDate = new Date('2030-01-30T11:00:00Z');
      assert.deepEqual(revoked, [
        { serialNumber: '04', revokedAt, reason: 'unspecified' },
        { serialNumber: '01ab', revokedAt, reason: 'keyCompromise' },
        { serialNumber: '02cd', revokedAt, reason: 'keyCompromise', invalidityDate },
        { serialNumber: '03ef', revokedAt, reason: 'certificateHold' },
      ]);
    });

  const issuer = makeCa(kinds['P-256']);
  const whole = makeCrl('whole');
  const partition = makeCrl('partition');

  test('of some certificates says where it is, and comes before that of all', () => {
    const read = readCrls([whole, partition], [issuer]).map(({ urls }) => urls);
    assert.deepEqual(read, [['http://pki.example/7.crl'], []]);
  });

  const at = whole.indexOf(Buffer.from('020201ab', 'hex')) + 3;
  const flipped = (place: number) => {
    const copy = Buffer.from(whole);
    copy[place] = (copy[place] ?? 0) ^ 1;
    return copy;
  };
  const bad: Record<string, Buffer> = {
    'another serial number': flipped(at),
    'another signature': flipped(whole.length - 1),
    'octets after its end': Buffer.concat([whole, Buffer.of(5, 0)]),
    'an unknown critical extension': makeCrl('critical'),
    'no authorityKeyIdentifier': makeCrl('anonymous'),
    'a number beyond what is counted here': makeCrl('whole', 'ff'.repeat(9)),
    'a certificate': Buffer.from(issuer.der),
    nothing: Buffer.alloc(0),
  };
  for (const [what, der] of Object.entries(bad))
    test(`is refused: ${what}`, () => {
      assert.throws(() => readCrl(der, [issuer]), CrlUnreadable);
    });

  test('of another CA of the same name is refused', () => {
    const other = makeCa(kinds['P-256']);
    assert.throws(() => readCrl(whole, [other]), /none of our issuing CAs/);
  });
});

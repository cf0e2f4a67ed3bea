/**
 * A sample of every profile, under every kind of CA key, before the judges of others: OpenSSL, GnuTLS and Bouncy Castle.
 */

import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { builtInProfiles } from '../../ca/built-in-profiles.ts';
import type { CaCertificate } from '../../ca/ca-chain.ts';
import { readCertificate } from '../../ca/certificate.ts';
import { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { EndpointCarrier, Profile } from '../../ca/certificate-profile.ts';
import { CrlEntries, composeCrl, type RevokedCertificate, wholeSecond } from '../../ca/crl.ts';
import { crlUrlOf, partitionOf, wholeCrl } from '../../ca/crl-partition.ts';
import { readDer } from '../../ca/der.ts';
import { defaultEndpointArc } from '../../ca/extensions/upstream-endpoints.ts';
import { requireWellFormedCrl } from '../../ca/lint/lint-crl.ts';
import { signStructure } from '../../ca/sign-structure.ts';
import type { Signer } from '../../ca/signer.ts';
import {
  bouncyCastleVerdicts,
  gnutlsComplaint,
  gnutlsCrlComplaint,
  judged,
  opensslComplaint,
  type PathFiles,
  purpose,
} from '../support/certification-path.ts';
import { openssl } from '../support/est-client.ts';
import { memoryLedger } from '../support/memory-ledger.ts';
import {
  makePlan,
  makePublicKey,
  makeSoftwareCa,
  type SoftwareCa,
} from '../support/software-ca.ts';
import type { SoftwareKeyType } from '../support/software-signer.ts';

const timeout = 120_000;

/** An arc for documentation (RFC 5612): GnuTLS 3.7 cannot read that of our own, which has 128 bits. */
const shortArc = '1.3.6.1.4.1.32473.1';
const profiles = builtInProfiles({ validity: '90d', endpoints: 'extension-and-sia' }, shortArc);
const rsaKey = publicKeyOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey);
const statusUrls = {
  crl: 'http://pki.example/crl/1.crl',
  issuer: 'http://pki.example/issuing.cer',
  ocsp: 'http://pki.example/ocsp',
};
const crlPartitions = 2;

const directory = mkdtempSync(join(tmpdir(), 'bestow-samples-'));

function profileNamed(name: string, from = profiles): Profile {
  const profile = from.get(name);
  assert.ok(profile, name);
  return profile;
}

function publicKeyOf(key: { export(o: { type: 'spki'; format: 'der' }): Buffer }) {
  const subjectPublicKeyInfo = key.export({ type: 'spki', format: 'der' });
  const bits = readDer(subjectPublicKeyInfo).children[1]?.content ?? new Uint8Array();
  return { subjectPublicKeyInfo, subjectPublicKey: bits.subarray(1) };
}

function write(name: string, ...pems: string[]): string {
  const file = join(directory, name);
  writeFileSync(file, pems.join(''));
  return file;
}

const pemOf = (der: Uint8Array) => new X509Certificate(der).toString();

async function issue(
  { issuing, signer }: SoftwareCa,
  profile: Profile,
  publicKey = makePublicKey(),
) {
  const authority = new CertificateAuthority({
    issuer: issuing,
    signer,
    ledger: memoryLedger(),
    serialPrefix: 1,
    statusUrls,
    crlPartitions,
  });
  const subjectAltNames = ['DNS:sample.example', 'IP:192.0.2.1', 'URI:urn:sample:1'];
  const plan = makePlan({ profile, publicKey, subjectAltNames });
  return readCertificate((await authority.issue(plan)).certificate);
}

/** Of a partition, or of them all. */
async function makeCrl(
  issuer: CaCertificate,
  signer: Signer,
  partition = wholeCrl,
  revoked: readonly RevokedCertificate[] = [],
): Promise<string> {
  const thisUpdate = wholeSecond(new Date(Date.now() - 60_000));
  const statement = {
    number: 1,
    thisUpdate,
    nextUpdate: new Date(thisUpdate.getTime() + 3_600_000),
    ...(partition === wholeCrl ? {} : { distributionPoint: [crlUrlOf(statusUrls.crl, partition)] }),
  };
  const entries = new CrlEntries();
  entries.add(revoked);
  const toBeSigned = Buffer.concat(composeCrl(statement, entries, issuer, signer.algorithm));
  await requireWellFormedCrl(toBeSigned, issuer);
  return openssl(['crl', '-inform', 'DER'], await signStructure(toBeSigned, signer)).toString();
}

interface Sample {
  readonly name: string;
  readonly profile: Profile;
  readonly files: PathFiles;
}

interface Samples {
  readonly root: string;
  readonly issuing: string;
  /** CRLs: of the root, of the issuing CA, and of its partitions. */
  readonly crls: { readonly root: string; readonly whole: string; readonly partitions: string[] };
  /** With keys of two kinds of every profile, a device first. */
  readonly all: readonly [Sample, ...Sample[]];
  /** The device, with CRLs that list it. */
  readonly revoked: PathFiles;
}

async function makeSamples(type: SoftwareKeyType): Promise<Samples> {
  const ca = await makeSoftwareCa({ type });
  const root = write(`${type}-root.pem`, pemOf(ca.root.der));
  const issuing = write(`${type}-issuing.pem`, pemOf(ca.issuing.der));
  const crls = {
    root: write(`${type}-root.crl`, await makeCrl(ca.root, ca.rootSigner)),
    whole: write(`${type}.crl`, await makeCrl(ca.issuing, ca.signer)),
    partitions: [
      write(`${type}-1.crl`, await makeCrl(ca.issuing, ca.signer, 1)),
      write(`${type}-2.crl`, await makeCrl(ca.issuing, ca.signer, 2)),
    ],
  };
  const sampleOf = (name: string, profile: Profile, der: Uint8Array): Sample => {
    const pointed = profile.statusPointers.includes('crl');
    const files = {
      ...{ anchor: root, issuing },
      certificate: write(`${type}-${name}.pem`, pemOf(der)),
      chain: write(`${type}-${name}-chain.pem`, pemOf(der), pemOf(ca.issuing.der)),
      crls: [crls.root, ...(pointed ? crls.partitions : [crls.whole])],
    };
    return { name, profile, files };
  };
  const device = await issue(ca, profileNamed('device'));
  const first = sampleOf('device', profileNamed('device'), device.der);
  const others: Sample[] = [];
  for (const profile of profiles.values())
    for (const [kind, key] of [
      ['ec', makePublicKey()],
      ['rsa', rsaKey],
    ] as const)
      others.push(
        sampleOf(`${profile.name}-${kind}`, profile, (await issue(ca, profile, key)).der),
      );
  const { serialNumber } = device;
  const entry = { serialNumber, revokedAt: new Date(0), reason: 'keyCompromise' } as const;
  const partition = partitionOf(serialNumber, crlPartitions);
  const crl = write(
    `${type}-revoked.crl`,
    await makeCrl(ca.issuing, ca.signer, partition, [entry]),
  );
  const revoked = { ...first.files, crls: [crls.root, crl] };
  return { root, issuing, crls, all: [first, ...others], revoked };
}

const samplesOf = new Map<SoftwareKeyType, Samples>();
for (const type of ['P-256', 'P-384', 'RSA-3072', 'Ed25519'] as const)
  samplesOf.set(type, await makeSamples(type));

const anyCa = await makeSoftwareCa();
after(() => rmSync(directory, { recursive: true, force: true }));

test('every profile has a sample', () => {
  assert.deepEqual([...profiles.keys()].sort(), Object.keys(judged).sort());
});

for (const [type, { root, issuing, crls, all, revoked }] of samplesOf)
  describe(`under CA keys of ${type}`, { timeout }, () => {
    const [device] = all;

    test('openssl verify -x509_strict, with CRLs', async () => {
      for (const { name, profile, files } of all)
        for (const use of judged[profile.name]?.[0] ?? [])
          assert.equal(await opensslComplaint(files, use), undefined, `${name} as ${use}`);
      assert.match((await opensslComplaint(device.files, 'sslserver')) ?? '', /purpose/);
      assert.match((await opensslComplaint(revoked, 'sslclient')) ?? '', /certificate revoked/);
    });

    test('certtool --verify', async () => {
      for (const { name, profile, files } of all)
        for (const use of judged[profile.name]?.[1] ?? [])
          assert.equal(await gnutlsComplaint(files, use), undefined, `${name} as ${use}`);
      assert.match((await gnutlsComplaint(device.files, purpose.serverAuth)) ?? '', /purpose/);
    });

    test('root, issuing certificate and CRLs', async () => {
      const onlyRoot = {
        anchor: root,
        issuing,
        certificate: issuing,
        chain: issuing,
        crls: [crls.root],
      };
      for (const files of [onlyRoot, { ...onlyRoot, certificate: root, chain: root }]) {
        assert.equal(await opensslComplaint(files, 'crlsign'), undefined);
        assert.equal(await gnutlsComplaint(files, undefined), undefined);
      }
      assert.equal(await gnutlsCrlComplaint(root, crls.root), undefined);
      for (const crl of [crls.whole, ...crls.partitions])
        assert.equal(await gnutlsCrlComplaint(issuing, crl), undefined);
      assert.notEqual(await gnutlsCrlComplaint(root, crls.whole), undefined);
    });
  });

test('Bouncy Castle’s PKIX validator, with CRLs', { timeout }, async () => {
  const paths = [...samplesOf.values()].flatMap(({ all, revoked }) => [
    ...all.map(({ profile, files }) => ({
      files,
      purposes: judged[profile.name]?.[1] ?? [],
      expected: /^valid$/,
    })),
    { files: revoked, purposes: [], expected: /revocation .*keyCompromise/i },
    { files: all[0].files, purposes: [purpose.OCSPSigning], expected: /targetConstraints/ },
    { files: { ...all[0].files, crls: [] }, purposes: [], expected: /No CRLs found/ },
  ]);
  const verdicts = await bouncyCastleVerdicts(paths);
  assert.equal(verdicts.length, paths.length);
  for (const [i, { expected, files }] of paths.entries())
    assert.match(verdicts[i] ?? '', expected, files.certificate);
});

describe('the arc of the endpoints (docs/decisions/0004-endpoint-arc.md)', {
  timeout,
}, () => {
  /** GnuTLS reads the object identifiers of extensions, and not what is inside extensions that it does not know. */
  const rows: readonly [what: string, arc: string, carrier: EndpointCarrier, readable: boolean][] =
    [
      ['of an organisation', '1.3.6.1.4.1.32473.1', 'extension', true],
      ['of 64 bits', '2.25.18446744073709551615', 'extension', true],
      ['of 65 bits', '2.25.18446744073709551616', 'extension', false],
      ['of our own', defaultEndpointArc, 'extension', false],
      ['of our own', defaultEndpointArc, 'extension-and-sia', false],
      ['of our own', defaultEndpointArc, 'sia', true],
    ];
  for (const [what, arc, endpoints, readable] of rows)
    test(`GnuTLS ${readable ? 'reads' : 'cannot read'} one ${what}, as ${endpoints}`, async () => {
      const { der } = await issue(
        anyCa,
        profileNamed('device', builtInProfiles({ endpoints }, arc)),
      );
      const files = {
        anchor: write('arc-root.pem', pemOf(anyCa.root.der)),
        chain: write('arc-chain.pem', pemOf(der), pemOf(anyCa.issuing.der)),
      };
      const complaint = await gnutlsComplaint(files, purpose.clientAuth);
      if (readable) assert.equal(complaint, undefined);
      else assert.match(complaint ?? 'none: the limit is gone', /Error in DER parsing/);
    });
});

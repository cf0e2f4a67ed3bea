/**
 * Several issuing CAs: each with its own key, in a token of its own, with its own CRL and OCSP; the root's token is away in
 * daily work. SoftHSM, curl and OpenSSL.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { addSoftHsmToken } from '../../hsm/create-softhsm-token.ts';
import { loadCryptoki } from '../../hsm/cryptoki.ts';
import { BestowServer } from '../support/bestow.ts';
import {
  call,
  certificateOf,
  certificatesOf,
  type DeviceKey,
  makeKey,
  openssl,
  post,
  readText,
} from '../support/est-client.ts';
import { eventually } from '../support/eventually.ts';
import { enlist } from '../support/registry.ts';

const run = promisify(execFile);
const timeout = 60_000;
const server = await BestowServer.init({
  init: ['--root-token', 'vault', '--name', 'Acme'],
  configure: (config) => {
    config.status = { listen: '127.0.0.1:0', url: 'http://pki.example' };
    const { root } = config.tokens ?? {};
    const lab = { ...(root as object), token: 'lab', pin: { file: 'secrets/lab-pin' } };
    Object.assign(config.tokens ?? {}, { lab });
  },
});
const directory = mkdtempSync(join(tmpdir(), 'bestow-issuers-'));
after(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});
const at = (name: string) => join(directory, name);

addToken('lab');
const tokens = join(server.data, 'hsm', 'tokens');
const rootToken = tokenDirectory('vault');

/** A token beside those that init made, as an administrator would make one. */
function addToken(label: string): void {
  const pin = `${label}-pin`;
  const module = /module: (.*)/.exec(readText(join(server.data, 'bestow.yaml')))?.[1] ?? '';
  const environment = { SOFTHSM2_CONF: join(server.data, 'hsm', 'softhsm2.conf') };
  const cryptoki = loadCryptoki(module, environment);
  cryptoki.initialize();
  addSoftHsmToken(cryptoki, { label, pin }, 'security officer');
  cryptoki.finalize();
  writeFileSync(join(server.data, 'secrets', pin), `${pin}\n`, { mode: 0o600 });
}

function tokenDirectory(label: string): string {
  const found = readdirSync(tokens).find((name) =>
    readFileSync(join(tokens, name, 'token.object')).includes(label),
  );
  return found ?? assert.fail(`no token ${label}`);
}

const putAway = () => renameSync(join(tokens, rootToken), at(rootToken));
const bringBack = () => renameSync(at(rootToken), join(tokens, rootToken));

/** A command that must fail. @returns what it says */
async function refused(exitCode: number, ...args: string[]): Promise<string> {
  const done = await server.cli(...args);
  assert.equal(done.exitCode, exitCode, done.stderr);
  return done.stderr;
}

async function succeed(...args: string[]): Promise<void> {
  const { exitCode, stderr } = await server.cli(...args);
  assert.equal(exitCode, 0, stderr);
}

interface ListedIssuer {
  readonly name: string;
  readonly token: string;
  readonly tenant?: string;
  readonly keyType: string;
  readonly subject: string;
  readonly id: string;
}
const issuers = () => server.json<ListedIssuer[]>('ca', 'issuer', 'list');

/** The path of an issuer's certificate, PEM. */
async function issuingFile(issuer: string): Promise<string> {
  const file = at(`${issuer}.pem`);
  if (existsSync(file)) return file;
  const { stdout } = await server.cli('ca', 'show', 'issuing', '--issuer', issuer, '--pem');
  writeFileSync(file, stdout);
  return file;
}

interface Enrolled {
  readonly certificate: string;
  readonly key: DeviceKey;
}

async function enroll(device: string, label: string): Promise<Enrolled> {
  const key = makeKey();
  const tenant = ['laboratory', 'works'].includes(label) ? label : 'default';
  const { [device]: password = '' } = await enlist(server, { [device]: { tenant, group: label } });
  const credentials = { user: device, password };
  const request = key.request(`/CN=${device}`);
  const url = `${server.est}/${label}/simpleenroll`;
  return { key, certificate: certificateOf(await post(url, server.root, request, credentials)) };
}

/** Issued by that issuer alone, by the lights of OpenSSL. @returns path of the certificate */
async function assertIssuedBy(issuer: string, certificate: string): Promise<string> {
  const file = at(`${new X509Certificate(certificate).serialNumber}.pem`);
  writeFileSync(file, certificate);
  const verify = ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', server.rootFile];
  openssl([...verify, '-untrusted', await issuingFile(issuer), file]);
  return file;
}

async function usesIssuer(label: string, subject: string): Promise<void> {
  await eventually(async () => {
    const { body, status } = await call(`${server.est}/${label}/cacerts`, server.root);
    return status === 200 && certificatesOf({ body }).some((each) => isOf(each, subject));
  });
}

const isOf = (pem: string, subject: string) =>
  new X509Certificate(pem).subject.split('\n').includes(`CN=${subject}`);
const subjectsIn = (pems: readonly string[]) =>
  pems.map((pem) => new X509Certificate(pem).subject.replace('CN=', ''));

describe('the root is in another token', { timeout }, () => {
  test('which is not there: the server starts and enrolls; what needs it says so', async () => {
    putAway();
    await server.start();
    const { certificate } = await enroll('first', 'default');
    await assertIssuedBy('main', certificate);
    const sentence = await refused(7, 'ca', 'issuer', 'add', 'plant');
    assert.match(
      sentence,
      /The root's key is in the token "root", which cannot be opened: token "vault" is not there; .*nothing was changed\./,
    );
    assert.deepEqual(
      (await issuers()).map(({ name }) => name),
      ['main'],
    );
  });

  test('and back: an issuer is added beside the running server', async () => {
    bringBack();
    await succeed('ca', 'issuer', 'add', 'plant', '--key-type', 'P-384');
    putAway();
    assert.match(await refused(5, 'ca', 'issuer', 'add', 'plant'), /an issuer "plant" already/);
    await succeed('group', 'add', 'line-1', '--issuer', 'plant');
    await usesIssuer('line-1', 'Acme plant Issuing CA');
    const { certificate } = await enroll('pump-1', 'line-1');
    const file = await assertIssuedBy('plant', certificate);
    assert.match(
      openssl(['x509', '-noout', '-text', '-in', file]).toString(),
      /Signature Algorithm: ecdsa-with-SHA384/,
    );
  });
});

/** Every way to give groups of other tenants that issuer. */
const taking = (issuer: string) => [
  ['group', 'set', 'line-1', '--issuer', issuer],
  ['group', 'add', 'line-2', '--tenant', 'default', '--issuer', issuer],
  ['tenant', 'add', 'other', '--issuer', issuer],
];

describe('an issuer of one tenant, in a token of its own', { timeout }, () => {
  test('is made there, and no other tenant gets it', async () => {
    bringBack();
    await succeed('tenant', 'add', 'laboratory');
    const named = ['--tenant', 'laboratory', '--common-name', 'Laboratory CA'];
    const made = ['ca', 'issuer', 'add', 'lab', '--token', 'lab', '--key-type', 'P-521'];
    const [unknown, taken] = await Promise.all([
      refused(3, ...made, '--tenant', 'nobody'),
      refused(2, ...made, '--common-name', 'Acme Issuing CA'),
    ]);
    assert.match(unknown, /There is no tenant nobody/);
    assert.match(taken, /the subject of the issuer "main"/);
    await succeed(...made, ...named);
    putAway();
    const { token, tenant, keyType, subject } =
      (await issuers()).find(({ name }) => name === 'lab') ?? assert.fail();
    assert.deepEqual(
      { token, tenant, keyType, subject },
      { token: 'lab', tenant: 'laboratory', keyType: 'P-521', subject: 'CN=Laboratory CA' },
    );
    await succeed('group', 'set', 'laboratory', '--issuer', 'lab');
    await usesIssuer('laboratory', 'Laboratory CA');
    for (const sentence of await Promise.all(taking('lab').map((each) => refused(4, ...each))))
      assert.match(sentence, /The issuer "lab" is the tenant laboratory's/);
    const { certificate } = await enroll('probe-1', 'laboratory');
    await assertIssuedBy('lab', certificate);
  });

  test('a name that is no issuer is refused', async () => {
    for (const sentence of await Promise.all(taking('nobody').map((each) => refused(3, ...each))))
      assert.match(sentence, /There is no issuer "nobody"/);
    assert.match(await refused(3, 'group', 'show', 'line-2'), /There is no group/);
  });

  test('a new tenant begins with the issuer that is named', async () => {
    await succeed('tenant', 'add', 'works', '--issuer', 'plant');
    const { certificate } = await enroll('robot-1', 'works');
    await assertIssuedBy('plant', certificate);
  });
});

test('a device goes with its group to another issuer when it renews', { timeout }, async () => {
  await succeed('group', 'add', 'movers', '--tenant', 'default');
  const { key, certificate } = await enroll('mover', 'movers');
  await assertIssuedBy('main', certificate);
  await succeed('group', 'set', 'movers', '--issuer', 'plant');
  const renew = await post(
    `${server.est}/movers/simplereenroll`,
    server.root,
    makeKey().request('/CN=mover'),
    { certificate, key: key.key },
  );
  await assertIssuedBy('plant', certificateOf(renew));
  // Whose group it is decides, and not whose certificate: at another label it is nobody's.
  const elsewhere = await post(
    `${server.est}/laboratory/simplereenroll`,
    server.root,
    makeKey().request('/CN=mover'),
    { certificate, key: key.key },
  );
  assert.equal(elsewhere.status, 401, elsewhere.body);
});

describe('each label has what is its issuer’s', { timeout }, () => {
  test('/cacerts: its chain, and that of the TLS certificate', async () => {
    const announced = async (path: string) => {
      const { body } = await call(`${server.est}${path}/cacerts`, server.root);
      return subjectsIn(certificatesOf({ body }));
    };
    const usual = ['Acme Root CA', 'Acme Issuing CA'];
    assert.deepEqual((await announced('')).sort(), usual.toSorted());
    assert.deepEqual(
      (await announced('/line-1')).sort(),
      [...usual, 'Acme plant Issuing CA'].sort(),
    );
    assert.deepEqual((await announced('/laboratory')).sort(), [...usual, 'Laboratory CA'].sort());
  });

  test('/crls: the CRL of its issuer', async () => {
    for (const [label, issuer] of [
      ['default', 'main'],
      ['line-1', 'plant'],
      ['laboratory', 'lab'],
    ] as const) {
      const { body, status } = await call(`${server.est}/${label}/crls`, server.root);
      assert.equal(status, 200);
      const printed = ['pkcs7', '-inform', 'DER', '-print_certs'];
      const crl = openssl(printed, Buffer.from(body, 'base64'));
      const verify = ['crl', '-noout', '-issuer', '-CAfile', await issuingFile(issuer)];
      const { subject } = new X509Certificate(readText(at(`${issuer}.pem`)));
      assert.equal(openssl(verify, crl).toString().trim(), `issuer=${subject.replace('=', ' = ')}`);
    }
  });

  test('/fullcmc: answers signed by its CMC key', async () => {
    for (const [label, device, name] of [
      ['line-1', 'pump-2', 'Acme plant CMC'],
      ['laboratory', 'probe-2', 'Laboratory CA CMC'],
    ] as const) {
      const { key, certificate } = await enroll(device, label);
      writeFileSync(at('device.pem'), certificate);
      writeFileSync(at('device.key'), key.key);
      // PKIData that asks for nothing (RFC 5272 section 3.2.1).
      const message = openssl(
        [
          ...['cms', '-sign', '-binary', '-nodetach', '-outform', 'DER', '-md', 'sha256'],
          ...['-signer', at('device.pem'), '-inkey', at('device.key')],
          ...['-econtent_type', '1.3.6.1.5.5.7.12.2'],
        ],
        Buffer.from('30083000300030003000', 'hex'),
      );
      const answer = await call(`${server.est}/${label}/fullcmc`, server.root, {
        method: 'POST',
        body: message.toString('base64'),
        headers: { 'Content-Type': 'application/pkcs7-mime; smime-type=CMC-request' },
      });
      assert.match(answer.headers['content-type'] ?? '', /CMC-response/, answer.body);
      assert.ok(subjectsIn(certificatesOf(answer)).includes(name));
    }
  });
});

describe('relying parties', { timeout }, () => {
  const url = () => readText(join(server.data, 'run', 'status.url')).trim();
  const fetchFile = async (path: string) => {
    const file = at(path.replaceAll('/', '_'));
    await run('curl', ['-sSf', '--max-time', '20', '-o', file, `${url()}${path}`]);
    return file;
  };

  test('find certificate, CRL and OCSP of each issuer, and a revocation with the right one', async () => {
    const devices = { main: 'default', plant: 'line-1', lab: 'laboratory' } as const;
    const listed = new Map((await issuers()).map(({ name, id }) => [name, id]));
    const enrolled = new Map<string, string>();
    for (const [issuer, label] of Object.entries(devices))
      enrolled.set(
        issuer,
        await assertIssuedBy(issuer, (await enroll(`status-${issuer}`, label)).certificate),
      );
    const serial = new X509Certificate(readText(enrolled.get('plant') ?? '')).serialNumber;
    await succeed('cert', 'revoke', serial.toLowerCase(), '--reason', 'keyCompromise');
    for (const [issuer, file] of enrolled) {
      const id = listed.get(issuer);
      const text = openssl(['x509', '-noout', '-text', '-in', file]).toString();
      assert.match(text, new RegExp(`URI:http://pki\\.example/crl/${id}\\.crl`));
      assert.match(text, new RegExp(`URI:http://pki\\.example/ca/${id}\\.cer`));
      const issuing = await issuingFile(issuer);
      const fetched = readFileSync(await fetchFile(`/ca/${id}.cer`));
      assert.deepEqual(fetched, new X509Certificate(readText(issuing)).raw);
      const crl = await fetchFile(`/crl/${id}.crl`);
      const shown = openssl(['crl', '-inform', 'DER', '-in', crl, '-noout', '-text']).toString();
      assert.equal(shown.includes(serial), issuer === 'plant');
      const { stdout, stderr } = await run('openssl', [
        ...['ocsp', '-url', `${url()}/ocsp`, '-CAfile', server.rootFile, '-verify_other', issuing],
        ...['-issuer', issuing, '-cert', file],
      ]);
      assert.match(`${stdout}${stderr}`, /Response verify OK/);
      assert.match(stdout, issuer === 'plant' ? /: revoked/ : /: good/);
    }
    const verified = openssl([
      ...['crl', '-inform', 'DER', '-in', await fetchFile(`/crl/${listed.get('plant')}.crl`)],
      ...['-noout', '-CAfile', await issuingFile('plant')],
    ]);
    assert.equal(verified.length, 0);
  });

  test('after a restart all is as before, and doctor does not miss the root', async () => {
    await server.stop();
    await server.start();
    const { certificate } = await enroll('last', 'laboratory');
    await assertIssuedBy('lab', certificate);
    const { stdout } = await server.cli('doctor');
    assert.match(stdout, /ok +keys: the token "root" of the root is not needed for daily work/);
    assert.doesNotMatch(stdout, /critical +keys/);
  });
});
